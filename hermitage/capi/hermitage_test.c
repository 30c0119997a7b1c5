/* Tests of the C interface in C11. `write_kernels` writes the kernel for them. */
#include "hermitage/capi/hermitage.h"

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

static unsigned char* read_file(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  unsigned char* bytes = NULL;
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
    perror(path);
    exit(2);
  }
  *size = (size_t)ftell(file);
  rewind(file);
  bytes = malloc(*size);
  if (bytes == NULL || fread(bytes, 1, *size, file) != *size) {
    perror(path);
    exit(2);
  }
  fclose(file);
  return bytes;
}

static uint64_t read_word(const unsigned char* bytes) {
  uint64_t word = 0;
  for (int i = 7; i >= 0; --i) word = word << 8 | bytes[i];
  return word;
}

static void test_names(void) {
  CHECK(strcmp(hermitage_code_name(HERMITAGE_OK), "ok") == 0);
  CHECK(strcmp(hermitage_code_name(HERMITAGE_NOT_ELF), "not_elf") == 0);
  CHECK(strcmp(hermitage_code_name(HERMITAGE_PAGE_FLAGS_SIZE), "page_flags_size") == 0);
  CHECK(strcmp(hermitage_code_name(HERMITAGE_LEFT_OUT), "left_out") == 0);
  CHECK(strcmp(hermitage_code_name(HERMITAGE_NO_MEMORY), "no_memory") == 0);
  CHECK(strcmp(hermitage_code_name(HERMITAGE_BOOT_INFO_NO_CPU), "no_cpu") == 0);
  CHECK(strcmp(hermitage_code_name(HERMITAGE_BOOT_INFO_TLS_ZERO), "tls_zero") == 0);
  CHECK(strcmp(hermitage_code_name(HERMITAGE_BOOT_INFO_TLS_ZERO + 1), "unknown") == 0);
  CHECK(strcmp(hermitage_code_name(HERMITAGE_LEFT_OUT + 1), "unknown") == 0);
  CHECK(strcmp(hermitage_code_name(-1), "unknown") == 0);
}

static void test_errors(void) {
  hermitage_kernel kernel;
  hermitage_problem error;
  CHECK(hermitage_kernel_parse(&kernel, "hello", 5, &error) == HERMITAGE_NOT_ELF);
  CHECK(error.code == HERMITAGE_NOT_ELF);
  CHECK(!error.has_offset && error.offset == 0 && error.severity == HERMITAGE_ERROR);
  CHECK(strcmp(error.name, "not_elf") == 0);
  CHECK(strcmp(error.message, "text, not an ELF file") == 0);
  CHECK(hermitage_kernel_parse(&kernel, NULL, 0, NULL) == HERMITAGE_NOT_ELF);
  CHECK(hermitage_detect_format("\x7f"
                                "ELF",
                                4) == HERMITAGE_FORMAT_ELF);
  CHECK(hermitage_detect_format("\x1f\x8b\x08\x00", 4) == HERMITAGE_FORMAT_GZIP);
  CHECK(hermitage_detect_format("", 0) == HERMITAGE_FORMAT_EMPTY);
}

static void test_version(void) {
  char text[32];
  snprintf(text, sizeof text, "%d.%d.%d", HERMITAGE_VERSION_MAJOR, HERMITAGE_VERSION_MINOR, HERMITAGE_VERSION_PATCH);
  CHECK(strcmp(text, HERMITAGE_VERSION_STRING) == 0);
  CHECK(strcmp(hermitage_version(), HERMITAGE_VERSION_STRING) == 0);
#if HERMITAGE_VERSION_NUMBER < HERMITAGE_MAKE_VERSION(0, 2, 0)
  CHECK(!"a version since the macros exist");
#endif
}

/* What hermitage_examine reports. */
typedef struct findings {
  size_t counts[3];
  size_t at_most;
  hermitage_problem last;
} findings;

static bool take_finding(const hermitage_problem* problem, void* context) {
  findings* found = context;
  CHECK(problem->severity <= HERMITAGE_ERROR && problem->message[0] != '\0');
  CHECK(strcmp(problem->name, hermitage_code_name(problem->code)) == 0);
  ++found->counts[problem->severity];
  found->last = *problem;
  return found->counts[0] + found->counts[1] + found->counts[2] < found->at_most;
}

static void test_examine(unsigned char* elf, size_t size) {
  findings found = {.at_most = SIZE_MAX};
  CHECK(hermitage_examine(elf, size, take_finding, &found) == HERMITAGE_OK);
  CHECK(found.counts[HERMITAGE_ERROR] == 0);

  enum { kMachine = 18, kOsAbi = 7 };
  const unsigned char abi = elf[kOsAbi];
  elf[kOsAbi] = 77;
  found = (findings){.at_most = SIZE_MAX};
  CHECK(hermitage_examine(elf, size, take_finding, &found) == HERMITAGE_OK);
  CHECK(found.counts[HERMITAGE_WARNING] >= 1);

  const unsigned char machine = elf[kMachine];
  elf[kMachine] = 1;
  found = (findings){.at_most = 1};
  CHECK(hermitage_examine(elf, size, take_finding, &found) == HERMITAGE_UNSUPPORTED_MACHINE);
  CHECK(found.counts[HERMITAGE_ERROR] == 1 && found.counts[HERMITAGE_WARNING] == 0);
  CHECK(found.last.has_offset && found.last.offset == kMachine && found.last.found == 1);
  elf[kMachine] = machine;
  elf[kOsAbi] = abi;

  found = (findings){.at_most = SIZE_MAX};
  CHECK(hermitage_examine("hello", 5, take_finding, &found) == HERMITAGE_NOT_ELF);
  CHECK(found.counts[HERMITAGE_ERROR] == 1);
}

static void test_parts(const hermitage_kernel* kernel, const hermitage_kernel_info* info) {
  hermitage_segment segment;
  hermitage_note note;
  hermitage_relocation relocation;
  hermitage_symbol symbol;
  uint64_t loads = 0;
  for (uint64_t i = 0; i < info->segment_count; ++i) {
    CHECK(hermitage_kernel_segment(kernel, i, &segment));
    if (segment.type == 1) ++loads;
  }
  CHECK(loads == 3);
  CHECK(!hermitage_kernel_segment(kernel, info->segment_count, &segment));

  bool has_hermit_note = false;
  uint64_t notes = 0;
  while (hermitage_kernel_note(kernel, notes, &note)) {
    ++notes;
    if (note.name_size == 6 && memcmp(note.name, "HERMIT", 6) == 0 && note.type == 0x5a00) {
      has_hermit_note = note.desc_size == 1 && *(const unsigned char*)note.desc == 4;
    }
  }
  CHECK(notes == 3);
  CHECK(has_hermit_note);

  CHECK(info->relocation_count > 0);
  CHECK(hermitage_kernel_relocation(kernel, 0, &relocation));
  CHECK(relocation.type == 8);
  CHECK(relocation.type_name_size == 17 && memcmp(relocation.type_name, "R_X86_64_RELATIVE", 17) == 0);
  CHECK(!hermitage_kernel_relocation(kernel, info->relocation_count, &relocation));
  CHECK(!hermitage_kernel_symbol(kernel, info->dynamic_symbol_count, &symbol));
}

static void test_load(const hermitage_kernel* kernel, const hermitage_kernel_info* info) {
  const uint64_t start = 0x200000;
  unsigned char* memory = malloc(info->mem_size);
  hermitage_loaded loaded;
  hermitage_problem error;
  hermitage_tls tls;
  hermitage_relocation relocation;
  memset(memory, 0xa5, info->mem_size);
  CHECK(hermitage_kernel_load(kernel, memory, info->mem_size - 1, start, 0, &loaded, &error) == HERMITAGE_MEMORY_SIZE);
  CHECK(error.expected == info->mem_size && error.found == info->mem_size - 1);
  CHECK(hermitage_kernel_load(kernel, memory, info->mem_size, start, 0, &loaded, &error) == HERMITAGE_OK);
  CHECK(loaded.image_start == start && loaded.image_end == start + info->mem_size);
  CHECK(loaded.entry_point == hermitage_kernel_entry_point(kernel, start));
  CHECK(loaded.entry_point == hermitage_kernel_entry_point(kernel, 0) + start);
  CHECK(loaded.has_tls && hermitage_kernel_tls(kernel, start, &tls));
  CHECK(memcmp(&loaded.tls, &tls, sizeof tls) == 0);
  CHECK(hermitage_kernel_relocation(kernel, 0, &relocation));
  CHECK(read_word(memory + relocation.offset) == start + (uint64_t)relocation.addend);
  free(memory);
}

static void test_plan(const hermitage_kernel* kernel, const unsigned char* elf, const hermitage_kernel_info* info) {
  const uint64_t start = 0x40000;
  const uint64_t pages = hermitage_kernel_page_count(kernel, start, 4096);
  bool* page_flags = calloc(pages, sizeof *page_flags);
  hermitage_load_step steps[32];
  size_t count = 0;
  hermitage_problem error;
  hermitage_loaded loaded;
  CHECK(hermitage_kernel_plan(kernel, start, 4096, page_flags, pages, steps, 1, &count, &error) ==
        HERMITAGE_STEPS_CAPACITY);
  CHECK(count > 1 && error.expected == count);
  CHECK(hermitage_kernel_plan(kernel, start, 4096, page_flags, pages, steps, 32, &count, &error) == HERMITAGE_OK);

  unsigned char* planned = calloc(1, info->mem_size);
  unsigned char* plain = malloc(info->mem_size);
  for (size_t i = 0; i < count; ++i) {
    if (steps[i].action == HERMITAGE_ZERO) continue;
    memcpy(planned + steps[i].memory_offset, elf + steps[i].file_offset, steps[i].size);
  }
  CHECK(hermitage_kernel_relocate(kernel, planned, info->mem_size, start, &loaded, &error) == HERMITAGE_OK);
  CHECK(hermitage_kernel_load(kernel, plain, info->mem_size, start, 0, &loaded, &error) == HERMITAGE_OK);
  CHECK(memcmp(planned, plain, info->mem_size) == 0);
  free(plain);
  free(planned);
  free(page_flags);
}

static void test_kernel(const char* path) {
  size_t size = 0;
  unsigned char* elf = read_file(path, &size);
  hermitage_kernel kernel;
  hermitage_kernel_info info;
  hermitage_problem error;
  CHECK(hermitage_kernel_parse(&kernel, elf, size, &error) == HERMITAGE_OK);
  const hermitage_kernel copy = kernel;
  memset(&kernel, 0, sizeof kernel);
  hermitage_kernel_query(&copy, &info);
  CHECK(info.arch == HERMITAGE_X86_64 && info.endian == HERMITAGE_LITTLE_ENDIAN && info.is_relocatable);
  CHECK(info.has_hermit_version && info.hermit_version[0] == 0 && info.hermit_version[1] == 11);
  CHECK(info.entry_version == 4 && info.uhyve_interface_version == 2 && info.has_uhyve_interface_note);
  CHECK(!info.has_start_addr && info.start_addr == 0);
  test_parts(&copy, &info);
  test_load(&copy, &info);
  test_plan(&copy, elf, &info);
  test_examine(elf, size);
  free(elf);
}

static void test_boot_info(void) {
  uint8_t raw[HERMITAGE_RAW_BOOT_INFO_SIZE];
  hermitage_problem error;
  hermitage_boot_info decoded;
  hermitage_boot_info info = {.serial_port_base = 0x3f8,
                              .image_start = 0x40000,
                              .image_end = 0x50000,
                              .tls = {.start = 0x48000, .filesz = 1, .memsz = 2, .align = 8},
                              .platform = HERMITAGE_PLATFORM_UHYVE,
                              .has_pci = true,
                              .num_cpus = 2,
                              .cpu_freq_khz = 2000000,
                              .boot_time_seconds = 1700000000,
                              .boot_time_nanoseconds = 5};
  CHECK(hermitage_boot_info_encode(&info, HERMITAGE_X86_64, HERMITAGE_LITTLE_ENDIAN, raw, &error) == HERMITAGE_OK);
  CHECK(raw[16] == 0xf8 && raw[17] == 0x03 && raw[80] == 1 && raw[88] == 1 && raw[96] == 2);
  CHECK(hermitage_boot_info_decode(raw, HERMITAGE_X86_64, HERMITAGE_LITTLE_ENDIAN, &decoded, &error) == HERMITAGE_OK);
  CHECK(decoded.serial_port_base == info.serial_port_base && decoded.image_end == info.image_end);
  CHECK(decoded.tls.memsz == 2 && decoded.num_cpus == 2 && decoded.has_pci && decoded.cpu_freq_khz == 2000000);
  CHECK(decoded.boot_time_seconds == 1700000000 && decoded.boot_time_nanoseconds == 5);

  info.num_cpus = 0;
  CHECK(hermitage_boot_info_encode(&info, HERMITAGE_X86_64, HERMITAGE_LITTLE_ENDIAN, raw, &error) ==
        HERMITAGE_BOOT_INFO_NO_CPU);
  CHECK(error.message[0] != '\0');
  info = (hermitage_boot_info){
      .platform = HERMITAGE_PLATFORM_MULTIBOOT, .platform_address = 0x1000, .command_line = 8, .command_line_size = 3};
  CHECK(hermitage_boot_info_encode(&info, HERMITAGE_X86_64, HERMITAGE_LITTLE_ENDIAN, raw, NULL) == HERMITAGE_OK);
  CHECK(hermitage_boot_info_decode(raw, HERMITAGE_X86_64, HERMITAGE_LITTLE_ENDIAN, &decoded, NULL) == HERMITAGE_OK);
  CHECK(decoded.platform_address == 0x1000 && decoded.command_line == 8 && decoded.command_line_size == 3);
  CHECK(hermitage_boot_info_encode(&info, HERMITAGE_AARCH64, HERMITAGE_BIG_ENDIAN, raw, NULL) ==
        HERMITAGE_BOOT_INFO_PLATFORM_NOT_ON_ARCH);
  CHECK(hermitage_boot_info_encode(&info, 3, HERMITAGE_BIG_ENDIAN, raw, NULL) == HERMITAGE_UNSUPPORTED_MACHINE);
  CHECK(hermitage_boot_info_decode(raw, HERMITAGE_X86_64, 2, &decoded, NULL) == HERMITAGE_UNKNOWN_BYTE_ORDER);
  info.platform = 9;
  CHECK(hermitage_boot_info_encode(&info, HERMITAGE_X86_64, HERMITAGE_LITTLE_ENDIAN, raw, NULL) ==
        HERMITAGE_BOOT_INFO_UNKNOWN_PLATFORM);
}

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s x86_64-relocatable.elf\n", argv[0]);
    return 2;
  }
  test_names();
  test_version();
  test_errors();
  test_kernel(argv[1]);
  test_boot_info();
  return failures == 0 ? 0 : 1;
}
