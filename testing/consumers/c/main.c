#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "hermitage/capi/hermitage.h"

int main(int argc, char** argv) {
  static unsigned char elf[1 << 22];
  FILE* file = fopen(argv[argc - 1], "rb");
  size_t size = file == NULL ? 0 : fread(elf, 1, sizeof elf, file);
  hermitage_kernel kernel;
  hermitage_kernel_info info;
  hermitage_loaded loaded;
  hermitage_problem error;
  if (hermitage_kernel_parse(&kernel, elf, size, &error) != HERMITAGE_OK) return puts(error.message), 1;
  hermitage_kernel_query(&kernel, &info);
  void* memory = malloc(info.mem_size);
  uint64_t start = info.has_start_addr ? info.start_addr : 0x40000;
  if (hermitage_kernel_load(&kernel, memory, info.mem_size, start, 0, &loaded, &error)) return puts(error.message), 1;
  printf("entry point %#" PRIx64 "\n", loaded.entry_point);
  return 0;
}
