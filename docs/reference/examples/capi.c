/* Examples of the C interface. The reference shows each part at its header. */
#include <stdio.h>

#include "hermitage/capi/hermitage.h"
#include "hermitage/capi/image.h"

/*! [hermitage/capi/hermitage.h] */
static bool print_problem(const hermitage_problem* problem, void* count) {
  printf("%s: %s\n", problem->name, problem->message);
  return ++*(size_t*)count < 100;
}

int check_kernel(const void* elf, size_t size) {
  size_t count = 0;
  return hermitage_examine(elf, size, print_problem, &count) == HERMITAGE_OK ? 0 : 1;
}
/*! [hermitage/capi/hermitage.h] */

/*! [hermitage/capi/image.h] */
int check_image(const char* path) {
  hermitage_image* image = NULL;
  hermitage_problem error;
  size_t size = 0;
  if (hermitage_image_open(&image, path, &error) != HERMITAGE_OK) {
    printf("%s\n", error.message);
    return 1;
  }
  const void* kernel = hermitage_image_kernel(image, &size);
  const int status = check_kernel(kernel, size);
  hermitage_image_close(image);
  return status;
}
/*! [hermitage/capi/image.h] */
