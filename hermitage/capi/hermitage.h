/* Hermitage for C, and for everyone who speaks C: parse, ask and load Hermit kernels.
 *
 * The same as hermitage::entry, whose headers say more about each thing. Nothing is allocated, nothing is
 * global, and every structure is the caller's. Names and notes that a function hands out lie in the ELF file
 * that the kernel was parsed from, which must outlive them. Needs memcpy, memmove, memset and memcmp, and no
 * C++ library: link with -lhermitage_capi -lhermitage_entry.
 *
 * A kernel's mem_size is what the file says: compare it with what there is before allocating it. Memory to load to
 * must not overlap the file.
 *
 * Functions that can fail return HERMITAGE_OK (0) or the code of the error, and describe it in *error unless that
 * is NULL. Other pointers must not be NULL, except to no bytes at all.
 */
#ifndef HERMITAGE_CAPI_HERMITAGE_H
#define HERMITAGE_CAPI_HERMITAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* hermitage_code_name gives their names, which are stable. The numbers may change until version 1.0. */
typedef int32_t hermitage_code;

enum {
  HERMITAGE_OK = 0,

  /* hermitage::entry::ProblemCode: what is wrong with a file, or with what is asked of it. */
  HERMITAGE_NOT_ELF = 1,
  HERMITAGE_PACKED_IMAGE,
  HERMITAGE_TRUNCATED_HEADER,
  HERMITAGE_NOT_64_BIT,
  HERMITAGE_UNKNOWN_BYTE_ORDER,
  HERMITAGE_UNSUPPORTED_TYPE,
  HERMITAGE_UNSUPPORTED_MACHINE,
  HERMITAGE_UNSUPPORTED_BYTE_ORDER,
  HERMITAGE_SEGMENT_ENTRY_SIZE,
  HERMITAGE_SEGMENT_TABLE_OUTSIDE_FILE,
  HERMITAGE_NO_LOAD_SEGMENT,
  HERMITAGE_SEGMENT_OUTSIDE_FILE,
  HERMITAGE_SEGMENT_SIZE,
  HERMITAGE_SEGMENT_ADDRESS_OVERFLOW,
  HERMITAGE_SEGMENT_ORDER,
  HERMITAGE_FIRST_SEGMENT_NOT_AT_ZERO,
  HERMITAGE_EMPTY_IMAGE,
  HERMITAGE_TLS_SIZE,
  HERMITAGE_TLS_OUTSIDE_IMAGE,
  HERMITAGE_EMPTY_APPLICATION,
  HERMITAGE_NO_NOTE_SEGMENT,
  HERMITAGE_NOTE_SEGMENT_OUTSIDE_FILE,
  HERMITAGE_NOTE_SEGMENTS_OVERLAP,
  HERMITAGE_MALFORMED_NOTE,
  HERMITAGE_NO_HERMIT_NOTE,
  HERMITAGE_ENTRY_VERSION,
  HERMITAGE_MALFORMED_UHYVE_NOTE,
  HERMITAGE_DYNAMIC_SEGMENT_OUTSIDE_FILE,
  HERMITAGE_LINKED_DYNAMICALLY,
  HERMITAGE_IMPLICIT_ADDENDS,
  HERMITAGE_RELOCATION_ENTRY_SIZE,
  HERMITAGE_RELOCATION_TABLE_SIZE,
  HERMITAGE_RELOCATIONS_OUTSIDE_FILE,
  HERMITAGE_SYMBOLS_OUTSIDE_FILE,
  HERMITAGE_UNSUPPORTED_RELOCATION,
  HERMITAGE_RELOCATION_OUTSIDE_MEMORY,
  HERMITAGE_RELOCATION_SYMBOL,
  HERMITAGE_RELOCATION_ADDEND,
  HERMITAGE_MALFORMED_RELR,
  HERMITAGE_MORE_RELOCATION_PROBLEMS,
  HERMITAGE_MEMORY_SIZE,
  HERMITAGE_START_ADDRESS,
  HERMITAGE_ADDRESS_OVERFLOW,
  HERMITAGE_PAGE_SIZE,
  HERMITAGE_PAGE_FLAGS_SIZE,

  /* hermitage::entry::BootInfoErrorCode: what cannot be said in a guest's boot information. */
  HERMITAGE_BOOT_INFO_PLATFORM_NOT_ON_ARCH = 256,
  HERMITAGE_BOOT_INFO_UNKNOWN_PLATFORM,
  HERMITAGE_BOOT_INFO_SERIAL_PORT_RANGE,
  HERMITAGE_BOOT_INFO_DEVICE_TREE_ZERO,
  HERMITAGE_BOOT_INFO_COMMAND_LINE_ZERO,
  HERMITAGE_BOOT_INFO_PLATFORM_ADDRESS_ZERO,
  HERMITAGE_BOOT_INFO_NO_CPU,
  HERMITAGE_BOOT_INFO_CPU_FREQ_ZERO,
  HERMITAGE_BOOT_INFO_BOOT_TIME_RANGE,
  HERMITAGE_BOOT_INFO_HAS_PCI_VALUE,
  HERMITAGE_BOOT_INFO_TLS_ZERO,

  /* The steps of a load plan do not fit in the caller's array. */
  HERMITAGE_STEPS_CAPACITY = 512,
};

/* 360 bytes. */
typedef struct hermitage_error {
  hermitage_code code;
  uint64_t offset;   /* in the file, in bytes; UINT64_MAX when it is not about one place */
  uint64_t index;    /* of the segment, relocation … that it is about, counted from 0 */
  uint64_t expected; /* these two as the message says */
  uint64_t found;
  char message[320]; /* one sentence without a full stop, ended by a NUL */
} hermitage_error;

/* "no_hermit_note" and so on; "ok" for 0, "unknown" for a code that there is not. */
const char* hermitage_code_name(hermitage_code code);

typedef uint8_t hermitage_arch;
enum { HERMITAGE_X86_64 = 0, HERMITAGE_AARCH64 = 1, HERMITAGE_RISCV64 = 2 };

typedef uint8_t hermitage_endian;
enum { HERMITAGE_LITTLE_ENDIAN = 0, HERMITAGE_BIG_ENDIAN = 1 };

typedef uint8_t hermitage_format;
enum {
  HERMITAGE_FORMAT_UNKNOWN = 0,
  HERMITAGE_FORMAT_ELF = 1,
  HERMITAGE_FORMAT_GZIP = 2,
  HERMITAGE_FORMAT_ELF32,
  HERMITAGE_FORMAT_GZIP_ELF, /* never of hermitage_detect_format, which does not unpack */
  HERMITAGE_FORMAT_TAR,
  HERMITAGE_FORMAT_XZ,
  HERMITAGE_FORMAT_ZSTD,
  HERMITAGE_FORMAT_BZIP2,
  HERMITAGE_FORMAT_LZ4,
  HERMITAGE_FORMAT_ZIP,
  HERMITAGE_FORMAT_AR,
  HERMITAGE_FORMAT_GIT_LFS_POINTER,
  HERMITAGE_FORMAT_LINUX_KERNEL,
  HERMITAGE_FORMAT_UEFI_APPLICATION,
  HERMITAGE_FORMAT_PE,
  HERMITAGE_FORMAT_MACH_O,
  HERMITAGE_FORMAT_SCRIPT,
  HERMITAGE_FORMAT_HTML,
  HERMITAGE_FORMAT_TEXT,
  HERMITAGE_FORMAT_EMPTY,
};

/* What kind of file begins with these bytes; of PE files the header counts, too, wherever it is. The message of
 * HERMITAGE_NOT_ELF names the format. */
hermitage_format hermitage_detect_format(const void* bytes, size_t size);

/* A parsed kernel: 512 bytes that only this library looks into. It refers to the ELF file and may be copied. */
typedef struct hermitage_kernel {
  uint64_t storage[64];
} hermitage_kernel;

/* Takes any bytes of any alignment. *kernel is written only on success. */
hermitage_code hermitage_kernel_parse(hermitage_kernel* kernel, const void* elf, size_t size, hermitage_error* error);

/* 72 bytes. */
typedef struct hermitage_kernel_info {
  hermitage_arch arch;
  hermitage_endian endian;
  bool is_relocatable;
  bool has_hermit_version;
  bool has_uhyve_interface_note;
  bool has_start_addr; /* a fixed kernel */
  uint8_t entry_version;
  uint32_t hermit_version[3];       /* major, minor, patch */
  uint32_t uhyve_interface_version; /* 1 without a note */
  uint64_t mem_size;                /* of the loaded image in bytes, at least 1 */
  uint64_t start_addr;              /* where a fixed kernel must be loaded */
  uint64_t segment_count;
  uint64_t relocation_count; /* with explicit addends */
  uint64_t relr_word_count;
  uint64_t dynamic_symbol_count;
} hermitage_kernel_info;

void hermitage_kernel_query(const hermitage_kernel* kernel, hermitage_kernel_info* info);

/* Of the kernel when it is loaded at `start`, which a fixed kernel ignores. */
uint64_t hermitage_kernel_entry_point(const hermitage_kernel* kernel, uint64_t start);

/* 32 bytes. Thread-local storage: where its template lies in the loaded kernel; sizes in bytes. */
typedef struct hermitage_tls {
  uint64_t start;
  uint64_t filesz;
  uint64_t memsz;
  uint64_t align;
} hermitage_tls;

/* Whether the kernel has any. */
bool hermitage_kernel_tls(const hermitage_kernel* kernel, uint64_t start, hermitage_tls* tls);

/* 56 bytes. A program header, with the values that are in the file. */
typedef struct hermitage_segment {
  uint32_t type;
  uint32_t flags; /* 1 execute, 2 write, 4 read */
  uint64_t offset;
  uint64_t vaddr;
  uint64_t paddr;
  uint64_t filesz;
  uint64_t memsz;
  uint64_t align;
} hermitage_segment;

/* 40 bytes. */
typedef struct hermitage_note {
  const char* name; /* not ended by a NUL */
  size_t name_size;
  const void* desc;
  size_t desc_size;
  uint32_t type;
} hermitage_note;

/* 40 bytes. A relocation with an explicit addend. */
typedef struct hermitage_relocation {
  uint64_t offset;
  uint32_t type;
  uint32_t symbol;
  int64_t addend;
  const char* type_name; /* "R_X86_64_RELATIVE"; NULL for a type without a name */
  size_t type_name_size;
} hermitage_relocation;

/* 40 bytes. A dynamic symbol. */
typedef struct hermitage_symbol {
  const char* name; /* not ended by a NUL */
  size_t name_size;
  uint64_t value;
  uint64_t size;
  uint16_t section;
  uint8_t info;
  uint8_t other;
} hermitage_symbol;

/* The part with this index, counted from 0; false when there are not as many. Notes are counted from the first each
 * time. */
bool hermitage_kernel_segment(const hermitage_kernel* kernel, uint64_t index, hermitage_segment* segment);
bool hermitage_kernel_note(const hermitage_kernel* kernel, uint64_t index, hermitage_note* note);
bool hermitage_kernel_relocation(const hermitage_kernel* kernel, uint64_t index, hermitage_relocation* relocation);
bool hermitage_kernel_symbol(const hermitage_kernel* kernel, uint64_t index, hermitage_symbol* symbol);

/* 64 bytes. What a loader must tell the kernel that it has loaded. */
typedef struct hermitage_loaded {
  uint64_t image_start;
  uint64_t image_end;
  uint64_t entry_point;
  bool has_tls;
  hermitage_tls tls;
} hermitage_loaded;

/* For `options`: the memory is known to be all zeros, as a fresh mapping is. */
#define HERMITAGE_LOAD_ZEROED_MEMORY 1u

/* Makes the memory, of exactly mem_size bytes, what the kernel wants to find at `start`. On failure its content is
 * unspecified, but nothing outside of it was written. */
hermitage_code hermitage_kernel_load(const hermitage_kernel* kernel, void* memory, size_t memory_size, uint64_t start,
                                     uint32_t options, hermitage_loaded* loaded, hermitage_error* error);

/* The last step of loading alone, for memory in which the segments have been placed as the load plan says. */
hermitage_code hermitage_kernel_relocate(const hermitage_kernel* kernel, void* memory, size_t memory_size,
                                         uint64_t start, hermitage_loaded* loaded, hermitage_error* error);

typedef uint8_t hermitage_action;
enum {
  HERMITAGE_MAP = 0,  /* whole pages that lie on whole pages of the file: can be mapped, privately; or copied */
  HERMITAGE_COPY = 1, /* bytes of the file that have to be copied */
  HERMITAGE_ZERO = 2, /* no bytes of the file */
};

/* 40 bytes. One range of the image and what is to be done for it. */
typedef struct hermitage_load_step {
  hermitage_action action;
  uint8_t flags; /* of the segment: 1 execute, 2 write, 4 read; 0 for a gap */
  uint64_t memory_offset;
  uint64_t size;
  uint64_t file_offset; /* 0 for HERMITAGE_ZERO */
  uint64_t relocated_pages;
} hermitage_load_step;

/* How many pages of page_size bytes the image lies on; 0 when that is not a power of two. */
uint64_t hermitage_kernel_page_count(const hermitage_kernel* kernel, uint64_t start, uint64_t page_size);

/* Writes the plan's steps, in order, to steps[0 … *step_count). page_flags is an array of as many bools as there
 * are pages; afterwards they say which of them relocations write to. When `capacity` is too small, *step_count says
 * how many are needed and the result is HERMITAGE_STEPS_CAPACITY. */
hermitage_code hermitage_kernel_plan(const hermitage_kernel* kernel, uint64_t start, uint64_t page_size,
                                     bool* page_flags, size_t page_flag_count, hermitage_load_step* steps,
                                     size_t capacity, size_t* step_count, hermitage_error* error);

typedef uint8_t hermitage_platform;
enum {
  HERMITAGE_PLATFORM_MULTIBOOT = 0,  /* x86_64; address: multiboot info */
  HERMITAGE_PLATFORM_LINUX_BOOT = 1, /* aarch64, riscv64 */
  HERMITAGE_PLATFORM_UHYVE = 2,
  HERMITAGE_PLATFORM_LINUX_BOOT_PARAMS = 3, /* address: boot_params */
  HERMITAGE_PLATFORM_FDT = 4,
};

/* 144 bytes. What a loader tells a kernel; 0 stands for "none" throughout. */
typedef struct hermitage_boot_info {
  uint64_t phys_addr_start;
  uint64_t phys_addr_end;
  uint64_t serial_port_base; /* x86_64: an I/O port */
  uint64_t device_tree;
  uint64_t image_start;
  uint64_t image_end;
  hermitage_tls tls; /* all 0: none */
  hermitage_platform platform;
  /* Multiboot and Linux boot parameters */
  uint64_t command_line;
  uint64_t command_line_size;
  uint64_t platform_address; /* not 0 */
  /* Uhyve */
  bool has_pci;
  uint32_t cpu_freq_khz;
  uint64_t num_cpus;         /* not 0 */
  int64_t boot_time_seconds; /* since 1970-01-01T00:00:00Z */
  uint32_t boot_time_nanoseconds;
} hermitage_boot_info;

#define HERMITAGE_RAW_BOOT_INFO_SIZE 128
#define HERMITAGE_RAW_BOOT_INFO_ALIGNMENT 8 /* of the bytes in the guest; here they may lie anywhere */

/* HERMITAGE_UNSUPPORTED_MACHINE for an architecture, HERMITAGE_UNKNOWN_BYTE_ORDER for a byte order that there is not;
 * otherwise a HERMITAGE_BOOT_INFO_… code. */
hermitage_code hermitage_boot_info_encode(const hermitage_boot_info* info, hermitage_arch arch, hermitage_endian endian,
                                          uint8_t raw[HERMITAGE_RAW_BOOT_INFO_SIZE], hermitage_error* error);
hermitage_code hermitage_boot_info_decode(const uint8_t raw[HERMITAGE_RAW_BOOT_INFO_SIZE], hermitage_arch arch,
                                          hermitage_endian endian, hermitage_boot_info* info, hermitage_error* error);

#ifdef __cplusplus
}
#endif

#endif
