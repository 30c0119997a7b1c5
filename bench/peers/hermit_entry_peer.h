/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/**
 * @file
 * Parsing and loading Hermit images with the Rust crate hermit-entry 0.10.11.
 *
 * hermit-entry only takes images for the architecture it was compiled for.
 *
 * Every function may be called from several threads at once. None of them throws, prints or keeps
 * a pointer it was given.
 *
 * Parameters common to all functions:
 * - `elf` points to the `size` bytes of the image, at most PTRDIFF_MAX. It must be aligned to
 *   8 bytes, because hermit-entry reads the headers in place and panics if they are misaligned.
 *   It may be null if `size` is 0.
 * - Results are written only if the status is HERMIT_ENTRY_PEER_OK, otherwise they stay as they
 *   were.
 */

#ifndef HERMIT_ENTRY_PEER_H
#define HERMIT_ENTRY_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The result of a call. */
enum hermit_entry_peer_status {
  /** hermit-entry accepted the image. */
  HERMIT_ENTRY_PEER_OK = 0,
  /** hermit-entry returned an error from parsing. */
  HERMIT_ENTRY_PEER_REFUSED = 1,
  /** hermit-entry panicked, and the panic was caught. */
  HERMIT_ENTRY_PEER_PANICKED = 2
};

/** Properties of an image from hermit-entry, known before loading. */
struct hermit_entry_peer_kernel {
  /** Whether the image names the version of Hermit it was built from. */
  bool has_hermit_version;
  /** Major, minor and patch version, zeros if there is none. */
  uint32_t hermit_version[3];
  /** Whether the image names a version of the Uhyve interface. */
  bool has_uhyve_interface_version;
  /** Version of the Uhyve interface, 0 if there is none. */
  uint32_t uhyve_interface_version;
  /** Size in bytes of the memory that the image has to be loaded into. */
  uint64_t mem_size;
  /** Whether the image must be loaded at a fixed address. */
  bool has_start_addr;
  /** That address, 0 if the image is relocatable. */
  uint64_t start_addr;
};

/** Addresses in a loaded image, all of them in the address space of the guest. */
struct hermit_entry_peer_loaded {
  /** First address of the image. */
  uint64_t image_start;
  /** Address after the last byte of the image. */
  uint64_t image_end;
  /** Address of the first instruction to run. */
  uint64_t entry_point;
  /** Whether the image has thread-local storage. If not, the members below are 0. */
  bool has_tls;
  /** Address of the initial contents of the thread-local storage. */
  uint64_t tls_start;
  /** Size in bytes of these contents. */
  uint64_t tls_filesz;
  /** Size in bytes of the thread-local storage of each thread. */
  uint64_t tls_memsz;
  /** Alignment in bytes of the thread-local storage, as the image states it. */
  uint64_t tls_align;
};

/**
 * Parses an image and gets all properties known before loading.
 *
 * HERMIT_ENTRY_PEER_PANICKED is also possible after parsing: an image without loadable segments
 * can be parsed, but asking for its memory size panics.
 */
enum hermit_entry_peer_status hermit_entry_peer_parse(const void* elf, size_t size,
                                                      struct hermit_entry_peer_kernel* kernel);

/**
 * Parses an image and drops the result, in a way that the optimizer cannot remove.
 *
 * For benchmarks of parsing.
 */
enum hermit_entry_peer_status hermit_entry_peer_parse_only(const void* elf, size_t size);

/**
 * Parses an image and loads it.
 *
 * @param start_addr Address of `memory` in the address space of the guest. hermit-entry panics if
 *     the image has to be loaded at another one.
 * @param memory The memory to load into. It needs no alignment, must be initialized and must not
 *     overlap the image. Bytes between segments keep their values. If the status is not
 *     HERMIT_ENTRY_PEER_OK, any part of it may have been written. It may be null if `memory_size`
 *     is 0.
 * @param memory_size Size of `memory` in bytes, at most PTRDIFF_MAX. hermit-entry panics if it is
 *     not exactly hermit_entry_peer_kernel::mem_size.
 */
enum hermit_entry_peer_status hermit_entry_peer_load(const void* elf, size_t size, uint64_t start_addr, void* memory,
                                                     size_t memory_size, struct hermit_entry_peer_loaded* loaded);

/**
 * Finds configuration and kernel in an archive without gzip, and writes their content, one line for each value:
 * `kernel PATH`, then `kernel_arg`, `app_arg` and `env_var` with a value each, `memory BYTES` if it is stated,
 * `cpus N`, and `size BYTES` of the kernel's file.
 *
 * @param tar The archive, of `size` bytes. It may be null if `size` is 0.
 * @param text Memory for the text, without a NUL. A longer text is truncated. It must not overlap the archive.
 * @param text_capacity Size of this memory in bytes, at most PTRDIFF_MAX.
 * @param text_size Size of the whole text in bytes.
 */
enum hermit_entry_peer_status hermit_entry_peer_image(const void* tar, size_t size, void* text, size_t text_capacity,
                                                      size_t* text_size);

#ifdef __cplusplus
}
#endif

#endif
