/* The ELF notes by which a Hermit kernel says what it is, one line each; for C11 and C++.
 *
 *     HERMITAGE_DEFINE_ENTRY_VERSION();
 *     HERMITAGE_DEFINE_ABI_TAG(0, 13, 0);
 *     HERMITAGE_DEFINE_UHYVE_INTERFACE(3);
 *
 * At file scope (in C++ in a namespace, too), each once in a kernel, in an object file that is certain to be linked.
 * They mirror define_entry_version!, define_abi_tag! and define_uhyve_interface_version! of the crate hermit-entry,
 * with the same section names. Compilers make sections of these names SHT_NOTE, which linkers keep under --gc-sections
 * and gather in one PT_NOTE. A linker script of one's own must not drop them: see notes.ld.
 *
 * Compilers that mark code for Intel CET by default (Ubuntu's do) add a note of their own, in a PT_NOTE of its own, and
 * readers of only the first may miss these: compile with -fcf-protection=none, or use notes.ld.
 */
#ifndef HERMITAGE_KERNEL_NOTES_H
#define HERMITAGE_KERNEL_NOTES_H

#include <stdint.h>

/* What loader and kernel expect of one another; hermit_entry::HERMIT_ENTRY_VERSION. */
#define HERMITAGE_ENTRY_VERSION 4

/* Names and descriptors are padded to four bytes. */
struct hermitage_byte_note {
  uint32_t namesz;
  uint32_t descsz;
  uint32_t type;
  char name[8];
  uint8_t desc[4];
};

struct hermitage_abi_tag_note {
  uint32_t namesz;
  uint32_t descsz;
  uint32_t type;
  char name[4];
  uint32_t desc[4];
};

#define HERMITAGE_NOTE(section_name) __attribute__((used, aligned(4), section(section_name)))

/* That it is a Hermit kernel. Without this note no loader takes it. */
#define HERMITAGE_DEFINE_ENTRY_VERSION()                                                                           \
  static const struct hermitage_byte_note hermitage_entry_version HERMITAGE_NOTE(".note.hermit.entry-version") = { \
      7, 1, 0x5a00, "HERMIT", {HERMITAGE_ENTRY_VERSION, 0, 0, 0}}

/* The version of the Hermit kernel: three numbers below 2^32. */
#define HERMITAGE_DEFINE_ABI_TAG(major, minor, patch)                                              \
  static const struct hermitage_abi_tag_note hermitage_abi_tag HERMITAGE_NOTE(".note.ABI-tag") = { \
      4, 16, 1, "GNU", {6, (major), (minor), (patch)}}

/* The interface by which it makes hypercalls. Its descriptor is big endian on every machine. */
#define HERMITAGE_DEFINE_UHYVE_INTERFACE(version)                                                              \
  static const struct hermitage_byte_note hermitage_uhyve_interface HERMITAGE_NOTE(                            \
      ".note.hermit.uhyve-interface-version") = {                                                              \
      8,                                                                                                       \
      4,                                                                                                       \
      0x5b00,                                                                                                  \
      "UHYVEIF",                                                                                               \
      {(uint8_t)((version) >> 24 & 0xff), (uint8_t)((version) >> 16 & 0xff), (uint8_t)((version) >> 8 & 0xff), \
       (uint8_t)((version) & 0xff)}}

#endif
