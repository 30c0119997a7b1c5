/* The C interface to parse, query and load Hermit kernels, also for other languages.
 *
 * It has the functions of hermitage::entry, whose headers have more details. The library allocates no memory and has
 * no global state. The caller owns every structure. Names and notes that a function returns point into the ELF file
 * of the kernel, which must outlive them. The library needs memcpy, memmove, memset and memcmp, and no C++ library:
 * link with -lhermitage_capi -lhermitage_entry.
 *
 * mem_size of a kernel is an untrusted value of the file: compare it with the available memory before allocating it.
 * The memory to load to must not overlap the file.
 *
 * Functions that can fail return HERMITAGE_OK (0) or the code of the error. They describe the error in *error unless
 * `error` is NULL. Other pointers must not be NULL, except pointers to zero bytes.
 */
#ifndef HERMITAGE_CAPI_HERMITAGE_H
#define HERMITAGE_CAPI_HERMITAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hermitage/version.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the linked library: "0.2.0". HERMITAGE_VERSION_STRING is that of the headers. */
const char* hermitage_version(void);

/* hermitage_code_name returns their names, which are stable. The numbers may change until version 1.0. */
typedef int32_t hermitage_code;

enum {
  HERMITAGE_OK = 0,

  /* hermitage::entry::ProblemCode: problems of a file, or of a request. */
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

  /* Warnings and infos, which only hermitage_examine reports. */
  HERMITAGE_BOOTS_BY_PVH,
  HERMITAGE_OS_ABI,
  HERMITAGE_ELF_VERSION,
  HERMITAGE_NO_ABI_TAG,
  HERMITAGE_MALFORMED_ABI_TAG,
  HERMITAGE_UNKNOWN_UHYVE_INTERFACE,
  HERMITAGE_NO_UHYVE_INTERFACE,
  HERMITAGE_FIXED_BELOW_4_GIB,
  HERMITAGE_NOTE_IN_LATER_SEGMENT,
  HERMITAGE_ENTRY_OUTSIDE_CODE,
  HERMITAGE_WRITABLE_CODE,
  HERMITAGE_EXECUTABLE_STACK,
  HERMITAGE_SEGMENT_ALIGNMENT,
  HERMITAGE_SEGMENT_NOT_MAPPABLE,
  HERMITAGE_RELR_RELOCATIONS,
  HERMITAGE_IGNORED_PLT_RELOCATIONS,
  HERMITAGE_UNDEFINED_SYMBOL,
  HERMITAGE_SECTION_TABLE_OUTSIDE_FILE,
  HERMITAGE_LEFT_OUT,

  /* hermitage::entry::BootInfoErrorCode: values that a guest's boot info cannot express. */
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
  /* No memory, for functions that allocate some (image.h). */
  HERMITAGE_NO_MEMORY = 513,

  /* hermitage::image::ProblemCode begins here, in image.h. */
  HERMITAGE_IMAGE_FIRST = 1024,
};

typedef uint8_t hermitage_severity;
enum {
  HERMITAGE_INFO = 0,    /* useful information */
  HERMITAGE_WARNING = 1, /* the kernel can be loaded, but may not behave as its author intended */
  HERMITAGE_ERROR = 2,   /* the kernel cannot be loaded, or the request cannot be fulfilled */
};

/* 368 bytes. An error, a warning or an info. */
typedef struct hermitage_problem {
  hermitage_code code;
  hermitage_severity severity;
  bool has_offset;   /* false if the problem has no single location in the file */
  uint64_t offset;   /* in the file, in bytes; 0 without one */
  uint64_t index;    /* of the segment, relocation …, counted from 0 */
  uint64_t expected; /* the message explains these two values */
  uint64_t found;
  const char* name;  /* of the code: "no_hermit_note" */
  char message[320]; /* one sentence without a full stop, with a final NUL */
} hermitage_problem;

/* Returns "no_hermit_note" and so on, "ok" for 0, and "unknown" for an undefined code. */
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
  HERMITAGE_FORMAT_GZIP_ELF, /* never from hermitage_detect_format, which does not unpack */
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
  HERMITAGE_FORMAT_SNAPSHOT, /* a saved guest */
};

/* Returns the format of the file that begins with these bytes. For PE files, `bytes` must also contain the PE header,
 * which can be at any offset. The message of HERMITAGE_NOT_ELF contains the format. */
hermitage_format hermitage_detect_format(const void* bytes, size_t size);

/* A parsed kernel: 512 opaque bytes. It refers to the ELF file, and may be copied. */
typedef struct hermitage_kernel {
  uint64_t storage[64];
} hermitage_kernel;

/* Accepts any bytes of any alignment. Writes *kernel only on success. */
hermitage_code hermitage_kernel_parse(hermitage_kernel* kernel, const void* elf, size_t size, hermitage_problem* error);

/* Gets one problem at a time, and returns false to get no more. It must return, neither throw nor jump. */
typedef bool (*hermitage_problem_sink)(const hermitage_problem* problem, void* context);

/* Checks all of a file, and each relocation. Calls `sink` for every error, then for every warning and info. A file can
 * have as many problems as relocations. Returns the code of the first error, or HERMITAGE_OK if there was none: then
 * hermitage_kernel_parse accepts the file, and hermitage_kernel_load loads it. */
hermitage_code hermitage_examine(const void* elf, size_t size, hermitage_problem_sink sink, void* context);

/* 72 bytes. */
typedef struct hermitage_kernel_info {
  hermitage_arch arch;
  hermitage_endian endian;
  bool is_relocatable;
  bool has_hermit_version;
  bool has_uhyve_interface_note;
  bool has_start_addr; /* true for a fixed kernel */
  uint8_t entry_version;
  uint32_t hermit_version[3];       /* major, minor, patch */
  uint32_t uhyve_interface_version; /* 1 without a note */
  uint64_t mem_size;                /* of the loaded kernel in bytes, at least 1 */
  uint64_t start_addr;              /* the address at which a fixed kernel must be loaded */
  uint64_t segment_count;
  uint64_t relocation_count; /* relocations with explicit addends */
  uint64_t relr_word_count;
  uint64_t dynamic_symbol_count;
} hermitage_kernel_info;

void hermitage_kernel_query(const hermitage_kernel* kernel, hermitage_kernel_info* info);

/* Returns the entry point of the kernel loaded at `start`. A fixed kernel ignores `start`. */
uint64_t hermitage_kernel_entry_point(const hermitage_kernel* kernel, uint64_t start);

/* 32 bytes. The thread-local storage: the location of its template in the loaded kernel. Sizes in bytes. */
typedef struct hermitage_tls {
  uint64_t start;
  uint64_t filesz;
  uint64_t memsz;
  uint64_t align;
} hermitage_tls;

/* Returns false if the kernel has no thread-local storage. */
bool hermitage_kernel_tls(const hermitage_kernel* kernel, uint64_t start, hermitage_tls* tls);

/* 56 bytes. A program header, with the values of the file. */
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
  const char* name; /* without a final NUL */
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
  const char* name; /* without a final NUL */
  size_t name_size;
  uint64_t value;
  uint64_t size;
  uint16_t section;
  uint8_t info;
  uint8_t other;
} hermitage_symbol;

/* These functions return the part with this index, counted from 0, or false if there are fewer. Each call for a note
 * counts from the first note. */
bool hermitage_kernel_segment(const hermitage_kernel* kernel, uint64_t index, hermitage_segment* segment);
bool hermitage_kernel_note(const hermitage_kernel* kernel, uint64_t index, hermitage_note* note);
bool hermitage_kernel_relocation(const hermitage_kernel* kernel, uint64_t index, hermitage_relocation* relocation);
bool hermitage_kernel_symbol(const hermitage_kernel* kernel, uint64_t index, hermitage_symbol* symbol);

/* 64 bytes. Values that a loader passes to the kernel. */
typedef struct hermitage_loaded {
  uint64_t image_start;
  uint64_t image_end;
  uint64_t entry_point;
  bool has_tls;
  hermitage_tls tls;
} hermitage_loaded;

/* A flag for `options`: the memory contains only zeros, as a new mapping does. */
#define HERMITAGE_LOAD_ZEROED_MEMORY 1u

/* Loads the kernel for the address `start` into `memory`, which must have exactly mem_size bytes. After a failure,
 * the content of `memory` is unspecified, but nothing outside of it was written. */
hermitage_code hermitage_kernel_load(const hermitage_kernel* kernel, void* memory, size_t memory_size, uint64_t start,
                                     uint32_t options, hermitage_loaded* loaded, hermitage_problem* error);

/* Only the last step of loading, for memory that contains the segments as in the load plan. */
hermitage_code hermitage_kernel_relocate(const hermitage_kernel* kernel, void* memory, size_t memory_size,
                                         uint64_t start, hermitage_loaded* loaded, hermitage_problem* error);

typedef uint8_t hermitage_action;
enum {
  HERMITAGE_MAP = 0,  /* whole pages of the file, page-aligned in memory: map them privately, or copy them */
  HERMITAGE_COPY = 1, /* bytes of the file that must be copied */
  HERMITAGE_ZERO = 2, /* no bytes of the file */
};

/* 40 bytes. One range of the loaded kernel, and the action for it. */
typedef struct hermitage_load_step {
  hermitage_action action;
  uint8_t flags; /* of the segment: 1 execute, 2 write, 4 read; 0 for a gap */
  uint64_t memory_offset;
  uint64_t size;
  uint64_t file_offset; /* 0 for HERMITAGE_ZERO */
  uint64_t relocated_pages;
} hermitage_load_step;

/* Returns the number of pages of the loaded kernel, or 0 if page_size is not a power of two. */
uint64_t hermitage_kernel_page_count(const hermitage_kernel* kernel, uint64_t start, uint64_t page_size);

/* Writes the plan's steps, in order, to steps[0 … *step_count). page_flags is an array with one bool for each page;
 * the function sets those of pages that relocations write to. If `capacity` is too small, the function returns
 * HERMITAGE_STEPS_CAPACITY and sets *step_count to the necessary capacity. */
hermitage_code hermitage_kernel_plan(const hermitage_kernel* kernel, uint64_t start, uint64_t page_size,
                                     bool* page_flags, size_t page_flag_count, hermitage_load_step* steps,
                                     size_t capacity, size_t* step_count, hermitage_problem* error);

typedef uint8_t hermitage_platform;
enum {
  HERMITAGE_PLATFORM_MULTIBOOT = 0,  /* x86_64; address: multiboot info */
  HERMITAGE_PLATFORM_LINUX_BOOT = 1, /* aarch64, riscv64 */
  HERMITAGE_PLATFORM_UHYVE = 2,
  HERMITAGE_PLATFORM_LINUX_BOOT_PARAMS = 3, /* address: boot_params */
  HERMITAGE_PLATFORM_FDT = 4,
};

/* 144 bytes. Values that a loader passes to a kernel. 0 means "none" in every field. */
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
#define HERMITAGE_RAW_BOOT_INFO_ALIGNMENT 8 /* in the guest; the bytes here may be unaligned */

/* These functions return HERMITAGE_UNSUPPORTED_MACHINE for an undefined architecture, HERMITAGE_UNKNOWN_BYTE_ORDER
 * for an undefined byte order, otherwise a HERMITAGE_BOOT_INFO_… code. */
hermitage_code hermitage_boot_info_encode(const hermitage_boot_info* info, hermitage_arch arch, hermitage_endian endian,
                                          uint8_t raw[HERMITAGE_RAW_BOOT_INFO_SIZE], hermitage_problem* error);
hermitage_code hermitage_boot_info_decode(const uint8_t raw[HERMITAGE_RAW_BOOT_INFO_SIZE], hermitage_arch arch,
                                          hermitage_endian endian, hermitage_boot_info* info, hermitage_problem* error);

#ifdef __cplusplus
}
#endif

#endif
