#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "hermitage/capi/image.h"

static bool show_warning(const hermitage_problem* problem, void* context) {
  (void)context;
  if (problem->severity == HERMITAGE_WARNING) fprintf(stderr, "%s: %s\n", problem->name, problem->message);
  return true;
}

int main(int argc, char** argv) {
  hermitage_image* image = NULL;
  hermitage_kernel kernel;
  hermitage_kernel_info info;
  hermitage_problem error;
  size_t size = 0;
  if (hermitage_image_open(&image, argv[argc - 1], &error) != HERMITAGE_OK) return puts(error.message), 1;
  const void* elf = hermitage_image_kernel(image, &size);
  if (hermitage_examine(elf, size, show_warning, NULL) != HERMITAGE_OK) return puts("not a kernel"), 1;
  if (hermitage_kernel_parse(&kernel, elf, size, &error) != HERMITAGE_OK) return puts(error.message), 1;
  hermitage_kernel_query(&kernel, &info);
  uint64_t start = info.has_start_addr ? info.start_addr : 0x40000;
  printf("entry point %#" PRIx64 "\n", hermitage_kernel_entry_point(&kernel, start));
  hermitage_image_close(image);
  return 0;
}
