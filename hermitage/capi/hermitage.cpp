#include "hermitage/capi/hermitage.h"

#include <cstring>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "hermitage/entry/boot_info.hpp"
#include "hermitage/entry/examine.hpp"
#include "hermitage/entry/format.hpp"
#include "hermitage/entry/kernel_object.hpp"
#include "hermitage/entry/load_plan.hpp"

namespace entry = hermitage::entry;

namespace {

using entry::GuestAddress;
using entry::KernelObject;

// The bytes of the caller contain the kernel object. The caller may copy them.
static_assert(sizeof(KernelObject) <= sizeof(hermitage_kernel) && alignof(KernelObject) <= alignof(hermitage_kernel));
static_assert(std::is_trivially_copyable_v<KernelObject> && std::is_trivially_destructible_v<KernelObject>);

// The sizes that the header documents.
static_assert(sizeof(hermitage_problem) == 368 && sizeof(hermitage_kernel) == 512 &&
              sizeof(hermitage_kernel_info) == 72);
static_assert(sizeof(hermitage_tls) == 32 && sizeof(hermitage_segment) == 56 && sizeof(hermitage_note) == 40);
static_assert(sizeof(hermitage_relocation) == 40 && sizeof(hermitage_symbol) == 40 && sizeof(hermitage_loaded) == 64);
static_assert(sizeof(hermitage_load_step) == 40 && sizeof(hermitage_boot_info) == 144);
static_assert(HERMITAGE_RAW_BOOT_INFO_SIZE == entry::kRawBootInfoSize);
static_assert(HERMITAGE_RAW_BOOT_INFO_ALIGNMENT == entry::kRawBootInfoAlignment);

constexpr auto code_of(entry::ProblemCode code) -> hermitage_code {
  return static_cast<hermitage_code>(code) + HERMITAGE_NOT_ELF;
}
constexpr auto code_of(entry::BootInfoErrorCode code) -> hermitage_code {
  return static_cast<hermitage_code>(code) + HERMITAGE_BOOT_INFO_PLATFORM_NOT_ON_ARCH;
}

// The first, the last and some other codes: these fail to compile if the two lists differ.
static_assert(code_of(entry::ProblemCode::packed_image) == HERMITAGE_PACKED_IMAGE);
static_assert(code_of(entry::ProblemCode::segment_order) == HERMITAGE_SEGMENT_ORDER);
static_assert(code_of(entry::ProblemCode::no_hermit_note) == HERMITAGE_NO_HERMIT_NOTE);
static_assert(code_of(entry::ProblemCode::symbols_outside_file) == HERMITAGE_SYMBOLS_OUTSIDE_FILE);
static_assert(code_of(entry::ProblemCode::page_flags_size) == HERMITAGE_PAGE_FLAGS_SIZE);
static_assert(code_of(entry::ProblemCode::no_uhyve_interface) == HERMITAGE_NO_UHYVE_INTERFACE);
static_assert(code_of(entry::ProblemCode::left_out) == HERMITAGE_LEFT_OUT);
static_assert(code_of(entry::BootInfoErrorCode::no_cpu) == HERMITAGE_BOOT_INFO_NO_CPU);
static_assert(code_of(entry::BootInfoErrorCode::tls_zero) == HERMITAGE_BOOT_INFO_TLS_ZERO);

static_assert(std::to_underlying(entry::Severity::info) == HERMITAGE_INFO);
static_assert(std::to_underlying(entry::Severity::error) == HERMITAGE_ERROR);
static_assert(std::to_underlying(entry::Arch::x86_64) == HERMITAGE_X86_64);
static_assert(std::to_underlying(entry::Arch::aarch64) == HERMITAGE_AARCH64);
static_assert(std::to_underlying(entry::Arch::riscv64) == HERMITAGE_RISCV64);
static_assert(std::to_underlying(entry::Endian::little) == HERMITAGE_LITTLE_ENDIAN);
static_assert(std::to_underlying(entry::Endian::big) == HERMITAGE_BIG_ENDIAN);
static_assert(std::to_underlying(entry::Format::unknown) == HERMITAGE_FORMAT_UNKNOWN);
static_assert(std::to_underlying(entry::Format::elf) == HERMITAGE_FORMAT_ELF);
static_assert(std::to_underlying(entry::Format::gzip) == HERMITAGE_FORMAT_GZIP);
static_assert(std::to_underlying(entry::Format::git_lfs_pointer) == HERMITAGE_FORMAT_GIT_LFS_POINTER);
static_assert(std::to_underlying(entry::Format::empty) == HERMITAGE_FORMAT_EMPTY);
static_assert(std::to_underlying(entry::Format::snapshot) == HERMITAGE_FORMAT_SNAPSHOT);
static_assert(std::to_underlying(entry::LoadStep::Action::map) == HERMITAGE_MAP);
static_assert(std::to_underlying(entry::LoadStep::Action::copy) == HERMITAGE_COPY);
static_assert(std::to_underlying(entry::LoadStep::Action::zero) == HERMITAGE_ZERO);

auto kernel_of(const hermitage_kernel* kernel) -> const KernelObject& {
  return *std::launder(reinterpret_cast<const KernelObject*>(kernel->storage));
}

auto bytes_of(const void* bytes, size_t size) -> std::span<const std::byte> {
  return {static_cast<const std::byte*>(bytes), size};
}

void set_message(hermitage_problem& error, std::string_view message) {
  const auto size = message.size() < sizeof error.message ? message.size() : sizeof error.message - 1;
  std::memcpy(error.message, message.data(), size);
  error.message[size] = '\0';
}

// The names are string literals, so each ends with a NUL.
void describe(const entry::Problem& problem, hermitage_problem& result) {
  result = {.code = code_of(problem.code),
            .severity = std::to_underlying(problem.severity()),
            .has_offset = problem.offset.has_value(),
            .offset = problem.offset.value_or(0),
            .index = problem.index,
            .expected = problem.expected,
            .found = problem.found,
            .name = problem.name().data(),
            .message = {}};
  set_message(result, problem.message());
}

auto fail(const entry::Problem& problem, hermitage_problem* error) -> hermitage_code {
  if (error != nullptr) describe(problem, *error);
  return code_of(problem.code);
}

auto fail(const entry::BootInfoError& problem, hermitage_problem* error) -> hermitage_code {
  const auto code = code_of(problem.code);
  if (error == nullptr) return code;
  *error = {.code = code,
            .severity = HERMITAGE_ERROR,
            .has_offset = false,
            .offset = 0,
            .index = 0,
            .expected = 0,
            .found = problem.value,
            .name = problem.name().data(),
            .message = {}};
  set_message(*error, problem.message());
  return code;
}

auto c_tls(const entry::TlsInfo& tls) -> hermitage_tls {
  return {.start = tls.start.value, .filesz = tls.filesz, .memsz = tls.memsz, .align = tls.align};
}

auto cxx_tls(const hermitage_tls& tls) -> std::optional<entry::TlsInfo> {
  const entry::TlsInfo info{
      .start = GuestAddress{tls.start}, .filesz = tls.filesz, .memsz = tls.memsz, .align = tls.align};
  if (info == entry::TlsInfo{}) return std::nullopt;
  return info;
}

auto finish_load(const std::expected<entry::LoadedKernel, entry::LoadError>& result, hermitage_loaded* loaded,
                 hermitage_problem* error) -> hermitage_code {
  if (!result) return fail(result.error(), error);
  *loaded = {.image_start = result->image.start.value,
             .image_end = result->image.end.value,
             .entry_point = result->entry_point.value,
             .has_tls = result->tls.has_value(),
             .tls = c_tls(result->tls.value_or(entry::TlsInfo{}))};
  return HERMITAGE_OK;
}

auto flags_of(entry::Permissions permissions) -> uint8_t {
  const auto flags = (permissions.execute ? entry::elf::kFlagExecute : 0) |
                     (permissions.write ? entry::elf::kFlagWrite : 0) | (permissions.read ? entry::elf::kFlagRead : 0);
  return static_cast<uint8_t>(flags);
}

auto none_if_zero(uint64_t value) -> std::optional<uint64_t> {
  return value == 0 ? std::nullopt : std::optional{value};
}

auto command_line_of(const hermitage_boot_info& info) -> std::optional<entry::CommandLine> {
  if (info.command_line == 0) return std::nullopt;
  return entry::CommandLine{.address = {info.command_line}, .size = info.command_line_size};
}

auto platform_of(const hermitage_boot_info& info) -> std::optional<entry::PlatformInfo> {
  switch (info.platform) {
    case HERMITAGE_PLATFORM_MULTIBOOT:
      return entry::MultibootPlatform{.command_line = command_line_of(info),
                                      .multiboot_info = GuestAddress{info.platform_address}};
    case HERMITAGE_PLATFORM_LINUX_BOOT: return entry::LinuxBootPlatform{};
    case HERMITAGE_PLATFORM_UHYVE: {
      entry::UhyvePlatform uhyve{
          .has_pci = info.has_pci,
          .num_cpus = info.num_cpus,
          .boot_time = {.seconds = info.boot_time_seconds, .nanoseconds = info.boot_time_nanoseconds}};
      if (info.cpu_freq_khz != 0) uhyve.cpu_freq_khz = info.cpu_freq_khz;
      return uhyve;
    }
    case HERMITAGE_PLATFORM_LINUX_BOOT_PARAMS:
      return entry::LinuxBootParamsPlatform{.command_line = command_line_of(info),
                                            .boot_params = GuestAddress{info.platform_address}};
    case HERMITAGE_PLATFORM_FDT: return entry::FdtPlatform{};
    default: return std::nullopt;
  }
}

void put_command_line(const std::optional<entry::CommandLine>& command_line, hermitage_boot_info& info) {
  if (!command_line) return;
  info.command_line = command_line->address.value;
  info.command_line_size = command_line->size;
}

void put_platform(const entry::PlatformInfo& platform, hermitage_boot_info& info) {
  if (const auto* multiboot = std::get_if<entry::MultibootPlatform>(&platform)) {
    info.platform = HERMITAGE_PLATFORM_MULTIBOOT;
    info.platform_address = multiboot->multiboot_info.value;
    put_command_line(multiboot->command_line, info);
  } else if (std::holds_alternative<entry::LinuxBootPlatform>(platform)) {
    info.platform = HERMITAGE_PLATFORM_LINUX_BOOT;
  } else if (const auto* uhyve = std::get_if<entry::UhyvePlatform>(&platform)) {
    info.platform = HERMITAGE_PLATFORM_UHYVE;
    info.has_pci = uhyve->has_pci;
    info.num_cpus = uhyve->num_cpus;
    info.cpu_freq_khz = uhyve->cpu_freq_khz.value_or(0);
    info.boot_time_seconds = uhyve->boot_time.seconds;
    info.boot_time_nanoseconds = uhyve->boot_time.nanoseconds;
  } else if (const auto* params = std::get_if<entry::LinuxBootParamsPlatform>(&platform)) {
    info.platform = HERMITAGE_PLATFORM_LINUX_BOOT_PARAMS;
    info.platform_address = params->boot_params.value;
    put_command_line(params->command_line, info);
  } else {
    info.platform = HERMITAGE_PLATFORM_FDT;
  }
}

auto check_target(hermitage_arch arch, hermitage_endian endian, hermitage_problem* error) -> hermitage_code {
  if (arch > HERMITAGE_RISCV64)
    return fail(entry::Problem{.code = entry::ProblemCode::unsupported_machine, .found = arch}, error);
  if (endian > HERMITAGE_BIG_ENDIAN) {
    return fail(entry::Problem{.code = entry::ProblemCode::unknown_byte_order, .found = endian}, error);
  }
  return HERMITAGE_OK;
}

}  // namespace

const char* hermitage_version(void) {
  return HERMITAGE_VERSION_STRING;
}

const char* hermitage_code_name(hermitage_code code) {
  if (code == HERMITAGE_OK) return "ok";
  if (code == HERMITAGE_STEPS_CAPACITY) return "steps_capacity";
  if (code == HERMITAGE_NO_MEMORY) return "no_memory";
  // The names are string literals, so each ends with a NUL.
  if (code >= HERMITAGE_BOOT_INFO_PLATFORM_NOT_ON_ARCH && code <= HERMITAGE_BOOT_INFO_TLS_ZERO) {
    const auto boot_info_code = static_cast<entry::BootInfoErrorCode>(code - HERMITAGE_BOOT_INFO_PLATFORM_NOT_ON_ARCH);
    return entry::BootInfoError{.code = boot_info_code}.name().data();
  }
  if (code < HERMITAGE_NOT_ELF || code > HERMITAGE_LEFT_OUT) return "unknown";
  return entry::Problem{.code = static_cast<entry::ProblemCode>(code - HERMITAGE_NOT_ELF)}.name().data();
}

hermitage_format hermitage_detect_format(const void* bytes, size_t size) {
  return std::to_underlying(entry::detect_format(bytes_of(bytes, size)));
}

hermitage_code hermitage_kernel_parse(hermitage_kernel* kernel, const void* elf, size_t size,
                                      hermitage_problem* error) {
  const auto parsed = KernelObject::parse(bytes_of(elf, size));
  if (!parsed) return fail(parsed.error(), error);
  ::new (kernel->storage) KernelObject{*parsed};
  return HERMITAGE_OK;
}

hermitage_code hermitage_examine(const void* elf, size_t size, hermitage_problem_sink sink, void* context) {
  hermitage_code first_error = HERMITAGE_OK;
  bool is_wanted = true;
  auto report = [&](const entry::Problem& problem) noexcept {
    if (!is_wanted) return false;
    hermitage_problem described;
    describe(problem, described);
    if (described.severity == HERMITAGE_ERROR && first_error == HERMITAGE_OK) first_error = described.code;
    is_wanted = sink(&described, context);
    return is_wanted;
  };
  const auto file = entry::ElfFile::open(bytes_of(elf, size));
  if (!file) {
    report(file.error());
    return first_error;
  }
  const auto facts = entry::examine(*file, report);
  entry::examine_relocations(*file, facts, report);
  entry::examine_oddities(*file, facts, report);
  return first_error;
}

void hermitage_kernel_query(const hermitage_kernel* kernel, hermitage_kernel_info* info) {
  const auto& object = kernel_of(kernel);
  const auto version = object.hermit_version().value_or(entry::HermitVersion{});
  *info = {.arch = std::to_underlying(object.arch()),
           .endian = std::to_underlying(object.endian()),
           .is_relocatable = object.is_relocatable(),
           .has_hermit_version = object.hermit_version().has_value(),
           .has_uhyve_interface_note = object.has_uhyve_interface_note(),
           .has_start_addr = object.start_addr().has_value(),
           .entry_version = KernelObject::entry_version(),
           .hermit_version = {version.major, version.minor, version.patch},
           .uhyve_interface_version = object.uhyve_interface_version().value,
           .mem_size = object.mem_size(),
           .start_addr = object.start_addr().value_or(GuestAddress{}).value,
           .segment_count = object.segments().size(),
           .relocation_count = object.relocations().size(),
           .relr_word_count = object.relr().size(),
           .dynamic_symbol_count = object.dynamic_symbols().size()};
}

uint64_t hermitage_kernel_entry_point(const hermitage_kernel* kernel, uint64_t start) {
  return kernel_of(kernel).entry_point(GuestAddress{start}).value;
}

bool hermitage_kernel_tls(const hermitage_kernel* kernel, uint64_t start, hermitage_tls* tls) {
  const auto info = kernel_of(kernel).tls_info(GuestAddress{start});
  if (info) *tls = c_tls(*info);
  return info.has_value();
}

bool hermitage_kernel_segment(const hermitage_kernel* kernel, uint64_t index, hermitage_segment* segment) {
  const auto& segments = kernel_of(kernel).segments();
  if (index >= segments.size()) return false;
  const auto found = segments[index];
  *segment = {.type = found.type,
              .flags = found.flags,
              .offset = found.offset,
              .vaddr = found.vaddr,
              .paddr = found.paddr,
              .filesz = found.filesz,
              .memsz = found.memsz,
              .align = found.align};
  return true;
}

bool hermitage_kernel_note(const hermitage_kernel* kernel, uint64_t index, hermitage_note* note) {
  bool is_found = false;
  uint64_t current = 0;
  kernel_of(kernel).for_each_note([&](const entry::Note& candidate, uint64_t) {
    if (current++ != index) return;
    is_found = true;
    *note = {.name = candidate.name.data(),
             .name_size = candidate.name.size(),
             .desc = candidate.desc.bytes().data(),
             .desc_size = candidate.desc.size(),
             .type = candidate.type};
  });
  return is_found;
}

bool hermitage_kernel_relocation(const hermitage_kernel* kernel, uint64_t index, hermitage_relocation* relocation) {
  const auto& object = kernel_of(kernel);
  if (index >= object.relocations().size()) return false;
  const auto found = object.relocations()[index];
  const auto name = entry::relocation_type_name(object.arch(), found.type);
  *relocation = {.offset = found.offset,
                 .type = found.type,
                 .symbol = found.symbol,
                 .addend = static_cast<int64_t>(found.addend),
                 .type_name = name.empty() ? nullptr : name.data(),
                 .type_name_size = name.size()};
  return true;
}

bool hermitage_kernel_symbol(const hermitage_kernel* kernel, uint64_t index, hermitage_symbol* symbol) {
  const auto symbols = kernel_of(kernel).dynamic_symbols();
  if (index >= symbols.size()) return false;
  const auto found = symbols.symbols()[index];
  const auto name = symbols.name(found);
  *symbol = {.name = name.data(),
             .name_size = name.size(),
             .value = found.value,
             .size = found.size,
             .section = found.section,
             .info = found.info,
             .other = found.other};
  return true;
}

hermitage_code hermitage_kernel_load(const hermitage_kernel* kernel, void* memory, size_t memory_size, uint64_t start,
                                     uint32_t options, hermitage_loaded* loaded, hermitage_problem* error) {
  const std::span bytes{static_cast<std::byte*>(memory), memory_size};
  const bool is_zeroed = (options & HERMITAGE_LOAD_ZEROED_MEMORY) != 0;
  return finish_load(kernel_of(kernel).load(bytes, GuestAddress{start}, {.zeroed_memory = is_zeroed}), loaded, error);
}

hermitage_code hermitage_kernel_relocate(const hermitage_kernel* kernel, void* memory, size_t memory_size,
                                         uint64_t start, hermitage_loaded* loaded, hermitage_problem* error) {
  const std::span bytes{static_cast<std::byte*>(memory), memory_size};
  return finish_load(kernel_of(kernel).relocate(bytes, GuestAddress{start}), loaded, error);
}

uint64_t hermitage_kernel_page_count(const hermitage_kernel* kernel, uint64_t start, uint64_t page_size) {
  return entry::LoadPlan::page_count(kernel_of(kernel), GuestAddress{start}, page_size);
}

hermitage_code hermitage_kernel_plan(const hermitage_kernel* kernel, uint64_t start, uint64_t page_size,
                                     bool* page_flags, size_t page_flag_count, hermitage_load_step* steps,
                                     size_t capacity, size_t* step_count, hermitage_problem* error) {
  const auto plan =
      entry::LoadPlan::make(kernel_of(kernel), GuestAddress{start}, page_size, std::span{page_flags, page_flag_count});
  if (!plan) return fail(plan.error(), error);
  *step_count = 0;
  for (const auto& step : *plan) {
    const auto index = (*step_count)++;
    if (index >= capacity) continue;
    steps[index] = {.action = std::to_underlying(step.action),
                    .flags = flags_of(step.permissions),
                    .memory_offset = step.memory_offset,
                    .size = step.size,
                    .file_offset = step.file_offset.value,
                    .relocated_pages = step.relocated_pages};
  }
  if (*step_count <= capacity) return HERMITAGE_OK;
  if (error != nullptr) {
    *error = {.code = HERMITAGE_STEPS_CAPACITY,
              .severity = HERMITAGE_ERROR,
              .has_offset = false,
              .offset = 0,
              .index = 0,
              .expected = *step_count,
              .found = capacity,
              .name = hermitage_code_name(HERMITAGE_STEPS_CAPACITY),
              .message = {}};
    set_message(*error, "the buffer is too small for the steps of the plan");
  }
  return HERMITAGE_STEPS_CAPACITY;
}

hermitage_code hermitage_boot_info_encode(const hermitage_boot_info* info, hermitage_arch arch, hermitage_endian endian,
                                          uint8_t raw[HERMITAGE_RAW_BOOT_INFO_SIZE], hermitage_problem* error) {
  if (const auto code = check_target(arch, endian, error); code != HERMITAGE_OK) return code;
  const auto platform = platform_of(*info);
  if (!platform) {
    return fail(entry::BootInfoError{.code = entry::BootInfoErrorCode::unknown_platform, .value = info->platform},
                error);
  }
  entry::BootInfo boot_info{
      .hardware = {.phys_addr_range = {.start = {info->phys_addr_start}, .end = {info->phys_addr_end}},
                   .serial_port_base = none_if_zero(info->serial_port_base)},
      .load = {.kernel_image = {.start = {info->image_start}, .end = {info->image_end}}, .tls = cxx_tls(info->tls)},
      .platform = *platform};
  if (info->device_tree != 0) boot_info.hardware.device_tree = GuestAddress{info->device_tree};
  const auto encoded = boot_info.encode(static_cast<entry::Arch>(arch), static_cast<entry::Endian>(endian));
  if (!encoded) return fail(encoded.error(), error);
  std::memcpy(raw, encoded->data(), encoded->size());
  return HERMITAGE_OK;
}

hermitage_code hermitage_boot_info_decode(const uint8_t raw[HERMITAGE_RAW_BOOT_INFO_SIZE], hermitage_arch arch,
                                          hermitage_endian endian, hermitage_boot_info* info,
                                          hermitage_problem* error) {
  if (const auto code = check_target(arch, endian, error); code != HERMITAGE_OK) return code;
  const std::span<const std::byte, entry::kRawBootInfoSize> bytes{reinterpret_cast<const std::byte*>(raw),
                                                                  entry::kRawBootInfoSize};
  const auto decoded =
      entry::BootInfo::decode(bytes, static_cast<entry::Arch>(arch), static_cast<entry::Endian>(endian));
  if (!decoded) return fail(decoded.error(), error);
  *info = {};
  info->phys_addr_start = decoded->hardware.phys_addr_range.start.value;
  info->phys_addr_end = decoded->hardware.phys_addr_range.end.value;
  info->serial_port_base = decoded->hardware.serial_port_base.value_or(0);
  info->device_tree = decoded->hardware.device_tree.value_or(GuestAddress{}).value;
  info->image_start = decoded->load.kernel_image.start.value;
  info->image_end = decoded->load.kernel_image.end.value;
  info->tls = c_tls(decoded->load.tls.value_or(entry::TlsInfo{}));
  put_platform(decoded->platform, *info);
  return HERMITAGE_OK;
}
