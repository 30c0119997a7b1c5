/* Tests of the C interface to images, in C11. `write_archives` writes the images for them. */
#include "hermitage/capi/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;

#define CHECK(condition)                                                      \
  do {                                                                        \
    if (!(condition)) {                                                       \
      fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
      ++failures;                                                             \
    }                                                                         \
  } while (0)

static hermitage_image* open_image(const char* directory, const char* name) {
  char path[4096];
  hermitage_image* image = NULL;
  hermitage_problem error;
  snprintf(path, sizeof path, "%s/%s.tar.gz", directory, name);
  if (hermitage_image_open(&image, path, &error) != HERMITAGE_OK) {
    fprintf(stderr, "%s\n", error.message);
    exit(1);
  }
  return image;
}

static void test_names(void) {
  CHECK(strcmp(hermitage_image_code_name(HERMITAGE_IMAGE_UNREADABLE), "unreadable") == 0);
  CHECK(strcmp(hermitage_image_code_name(HERMITAGE_IMAGE_IGNORED_VARIABLE), "ignored_variable") == 0);
  CHECK(strcmp(hermitage_image_code_name(HERMITAGE_IMAGE_IGNORED_VARIABLE + 1), "unknown") == 0);
  CHECK(strcmp(hermitage_image_code_name(HERMITAGE_NO_HERMIT_NOTE), "no_hermit_note") == 0);
  CHECK(strcmp(hermitage_image_code_name(-1), "unknown") == 0);
}

static void test_errors(void) {
  hermitage_image* image = NULL;
  hermitage_problem error;
  CHECK(hermitage_image_open(&image, "/nonexistent.tar.gz", &error) == HERMITAGE_IMAGE_UNREADABLE);
  CHECK(image == NULL && error.code == HERMITAGE_IMAGE_UNREADABLE && error.severity == HERMITAGE_ERROR);
  CHECK(strcmp(error.name, "unreadable") == 0 && strstr(error.message, "/nonexistent.tar.gz") != NULL);
  CHECK(!error.has_offset && error.offset == 0);
  CHECK(hermitage_image_read(&image, "hello", 5, NULL) == HERMITAGE_IMAGE_NOT_GZIP);
  CHECK(image == NULL);
  hermitage_image_close(NULL);
}

static void test_config(const hermitage_image* image) {
  hermitage_image_config config;
  size_t size = 0;
  hermitage_image_query(image, &config);
  CHECK(strcmp(config.kernel, "/kernel") == 0);
  CHECK(config.kernel_arg_count == 0 && config.app_arg_count == 0 && config.env_var_count == 0);
  CHECK(config.memory == 0 && config.cpus == 0);
  CHECK(hermitage_image_kernel_arg(image, 0) == NULL && hermitage_image_app_arg(image, 0) == NULL);
  CHECK(hermitage_image_env_var(image, 0) == NULL);
  const unsigned char* kernel = hermitage_image_kernel(image, &size);
  CHECK(size == 4 && memcmp(kernel, "\x7f\x45\x4c\x46", 4) == 0);
}

static void test_entries(const hermitage_image* image) {
  hermitage_image_entry entry;
  size_t found = 0;
  size_t count = 0;
  for (; hermitage_image_entry_at(image, count, &entry); ++count) {
    if (strcmp(entry.path, "etc") == 0) found += entry.kind == HERMITAGE_DIRECTORY && entry.contents == NULL;
    if (strcmp(entry.path, "soft") == 0) {
      found += entry.kind == HERMITAGE_SYMBOLIC_LINK && strcmp(entry.link_target, "etc/motd") == 0;
    }
    if (strcmp(entry.path, "hard") == 0 || strcmp(entry.path, "etc/motd") == 0) {
      found += entry.kind == HERMITAGE_REGULAR_FILE && entry.size == 6 && entry.mode == 0644 &&
               memcmp(entry.contents, "hello\n", 6) == 0 && entry.link_target[0] == '\0';
    }
  }
  CHECK(found == 4);
  CHECK(count == 7); /* also hermit.toml, kernel and etc/up */
}

static void test_warnings(const char* directory) {
  hermitage_problem warning;
  hermitage_image* image = open_image(directory, "twice");
  CHECK(hermitage_image_warning(image, 0, &warning));
  CHECK(warning.code == HERMITAGE_IMAGE_DUPLICATE_ENTRY && warning.severity == HERMITAGE_WARNING);
  CHECK(strcmp(warning.name, "duplicate_entry") == 0 && strstr(warning.message, "etc/motd") != NULL);
  CHECK(!hermitage_image_warning(image, 1, &warning));
  hermitage_image_close(image);
}

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s DIRECTORY, with the images of write_archives\n", argv[0]);
    return 2;
  }
  test_names();
  test_errors();
  hermitage_image* image = open_image(argv[1], "links");
  test_config(image);
  test_entries(image);
  hermitage_image_close(image);
  test_warnings(argv[1]);
  return failures == 0 ? 0 : 1;
}
