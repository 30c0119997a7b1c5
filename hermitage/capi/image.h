/* The C interface to packed Hermit images: open an image, and read its kernel, its files and its warnings.
 *
 * It has the functions of hermitage::image, whose headers have more details. An image owns all its data. Pointers that
 * functions return point into it, until hermitage_image_close. Several threads can read one image. Link with
 * -lhermitage_capi_image -lhermitage_image -lhermitage_base -lhermitage_capi -lhermitage_entry, libarchive, zlib and
 * the C++ library; pkg-config lists them for hermitage-image-c.
 */
#ifndef HERMITAGE_CAPI_IMAGE_H
#define HERMITAGE_CAPI_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hermitage/capi/hermitage.h"

#ifdef __cplusplus
extern "C" {
#endif

/* hermitage::image::ProblemCode. hermitage_image_code_name returns their names. */
enum {
  HERMITAGE_IMAGE_UNREADABLE = HERMITAGE_IMAGE_FIRST,
  HERMITAGE_IMAGE_NOT_GZIP,
  HERMITAGE_IMAGE_DAMAGED_GZIP,
  HERMITAGE_IMAGE_TRUNCATED_GZIP,
  HERMITAGE_IMAGE_TRAILING_DATA,
  HERMITAGE_IMAGE_DAMAGED_ARCHIVE,
  HERMITAGE_IMAGE_TOO_LARGE,
  HERMITAGE_IMAGE_TOO_MANY_ENTRIES,
  HERMITAGE_IMAGE_PACKED_KERNEL,
  HERMITAGE_IMAGE_ENTRY_NAME,
  HERMITAGE_IMAGE_ENTRY_OUTSIDE,
  HERMITAGE_IMAGE_ENTRY_KIND,
  HERMITAGE_IMAGE_ENTRY_CONFLICT,
  HERMITAGE_IMAGE_LINK_OUTSIDE,
  HERMITAGE_IMAGE_LINK_TARGET,
  HERMITAGE_IMAGE_NO_CONFIG,
  HERMITAGE_IMAGE_CONFIG_SIZE,
  HERMITAGE_IMAGE_CONFIG_SYNTAX,
  HERMITAGE_IMAGE_CONFIG_KEY,
  HERMITAGE_IMAGE_CONFIG_VALUE,
  HERMITAGE_IMAGE_NO_KERNEL,
  HERMITAGE_IMAGE_KERNEL_KIND,
  HERMITAGE_IMAGE_UNLOADABLE_KERNEL,
  HERMITAGE_IMAGE_DAMAGED_CONTAINER,
  HERMITAGE_IMAGE_WRONG_DIGEST,
  HERMITAGE_IMAGE_SEVERAL_IMAGES,
  HERMITAGE_IMAGE_CANNOT_PACK,
  HERMITAGE_IMAGE_CANNOT_EXTRACT,
  HERMITAGE_IMAGE_DUPLICATE_ENTRY,
  HERMITAGE_IMAGE_UNKNOWN_KEY,
  HERMITAGE_IMAGE_IGNORED_VARIABLE,
};

/* Returns "no_config" and so on, for codes of images and for those of hermitage_code_name. */
const char* hermitage_image_code_name(hermitage_code code);

typedef struct hermitage_image hermitage_image;

/* Opens the image in a file, or in memory, which is not needed afterwards. An unpacked image has at most 1 GiB. The
 * caller passes *image to hermitage_image_close. Writes *image only on success. Fails with a HERMITAGE_IMAGE_ code or
 * HERMITAGE_NO_MEMORY. Messages longer than 319 bytes are cut. */
hermitage_code hermitage_image_open(hermitage_image** image, const char* path, hermitage_problem* error);
hermitage_code hermitage_image_read(hermitage_image** image, const void* bytes, size_t size, hermitage_problem* error);

/* Does nothing with NULL. */
void hermitage_image_close(hermitage_image* image);

/* Returns the kernel that the configuration names, and its size in bytes. It may not be valid: see
 * hermitage_kernel_parse. */
const void* hermitage_image_kernel(const hermitage_image* image, size_t* size);

/* 48 bytes. hermit.toml. */
typedef struct hermitage_image_config {
  const char* kernel; /* the path of the kernel in the image, with a final NUL */
  size_t kernel_arg_count;
  size_t app_arg_count;
  size_t env_var_count;
  uint64_t memory; /* minimum memory of the guest, in bytes; 0: not stated */
  uint32_t cpus;   /* minimum number of vCPUs; 0: any */
} hermitage_image_config;

void hermitage_image_query(const hermitage_image* image, hermitage_image_config* config);

/* The default arguments of the kernel and of the application, and environment variables ("KEY=value"), counted from 0.
 * Return NULL if there are fewer. */
const char* hermitage_image_kernel_arg(const hermitage_image* image, size_t index);
const char* hermitage_image_app_arg(const hermitage_image* image, size_t index);
const char* hermitage_image_env_var(const hermitage_image* image, size_t index);

typedef uint8_t hermitage_file_kind;
enum { HERMITAGE_REGULAR_FILE = 0, HERMITAGE_DIRECTORY = 1, HERMITAGE_SYMBOLIC_LINK = 2 };

/* 40 bytes. Strings have a final NUL. */
typedef struct hermitage_image_entry {
  const char* path; /* relative to the root of the image, such as "etc/motd" */
  hermitage_file_kind kind;
  uint32_t mode;           /* permission bits, 0 to 0777 */
  uint64_t size;           /* of a regular file, in bytes */
  const char* link_target; /* of a symbolic link; otherwise "" */
  const void* contents;    /* of a regular file; NULL for others and for empty files */
} hermitage_image_entry;

/* The entry with this index, counted from 0, sorted by path. Returns false if there are fewer. */
bool hermitage_image_entry_at(const hermitage_image* image, size_t index, hermitage_image_entry* entry);

/* The warning with this index, counted from 0. Returns false if there are fewer. */
bool hermitage_image_warning(const hermitage_image* image, size_t index, hermitage_problem* warning);

#ifdef __cplusplus
}
#endif

#endif
