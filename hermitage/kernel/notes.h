/* The ELF notes that identify a Hermit kernel, each in one line; for C11 and C++.
 *
 *     HERMITAGE_DEFINE_ENTRY_VERSION();
 *     HERMITAGE_DEFINE_ABI_TAG(0, 13, 0);
 *     HERMITAGE_DEFINE_UHYVE_INTERFACE(3);
 *
 * Use each macro once in a kernel, at file scope (in C++ also in a namespace), in an object file that is always
 * linked. The macros mirror define_entry_version!, define_abi_tag! and define_uhyve_interface_version! of the crate
 * hermit-entry, with the same section names. Compilers give sections with these names the type SHT_NOTE. Linkers keep
 * those under --gc-sections and place them in one PT_NOTE. A custom linker script must not discard them: see
 * notes.ld.
 *
 * Compilers that mark code for Intel CET by default (such as Ubuntu's) add a note in a separate PT_NOTE. Programs
 * that read only the first PT_NOTE may then miss these notes: compile with -fcf-protection=none, or use notes.ld.
 */
#ifndef HERMITAGE_KERNEL_NOTES_H
#define HERMITAGE_KERNEL_NOTES_H

#include <stdint.h>

/* The version of the interface between loader and kernel: hermit_entry::HERMIT_ENTRY_VERSION. */
#define HERMITAGE_ENTRY_VERSION 4

/* Names and descriptors are padded to multiples of four bytes. */
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

/* Declares a Hermit kernel. Without this note, no loader accepts the kernel. */
#define HERMITAGE_DEFINE_ENTRY_VERSION()                                                                           \
  static const struct hermitage_byte_note hermitage_entry_version HERMITAGE_NOTE(".note.hermit.entry-version") = { \
      7, 1, 0x5a00, "HERMIT", {HERMITAGE_ENTRY_VERSION, 0, 0, 0}}

/* The version of the Hermit kernel: three numbers below 2^32. */
#define HERMITAGE_DEFINE_ABI_TAG(major, minor, patch)                                              \
  static const struct hermitage_abi_tag_note hermitage_abi_tag HERMITAGE_NOTE(".note.ABI-tag") = { \
      4, 16, 1, "GNU", {6, (major), (minor), (patch)}}

/* The version of the hypercall interface. The descriptor is big endian on every architecture. */
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
