// Examples of the headers of hermitage/entry. The reference shows each part at its header.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <ranges>
#include <string>
#include <vector>

#include "hermitage/entry/boot_info.hpp"
#include "hermitage/entry/boot_protocol.hpp"
#include "hermitage/entry/build.hpp"
#include "hermitage/entry/examine.hpp"
#include "hermitage/entry/format.hpp"
#include "hermitage/entry/formatters.hpp"
#include "hermitage/entry/image_path.hpp"
#include "hermitage/entry/kernel_object.hpp"
#include "hermitage/entry/load_plan.hpp"
#include "hermitage/entry/quantity.hpp"
#include "hermitage/entry/shell_word.hpp"
#include "hermitage/entry/uhyve_interface.hpp"
#include "hermitage/entry/utf8.hpp"
#include "hermitage/version.h"

namespace examples {
using namespace hermitage::entry;

//! [hermitage/version.h]
#if HERMITAGE_VERSION_NUMBER < HERMITAGE_MAKE_VERSION(0, 2, 0)
#error "this program needs Hermitage 0.2"
#endif
//! [hermitage/version.h]

//! [hermitage/entry/address.hpp]
auto last_byte(GuestRange range) -> GuestAddress {
  return {range.end.value - 1};
}
//! [hermitage/entry/address.hpp]

//! [hermitage/entry/arch.hpp]
auto describe(Arch arch, Endian endian) -> std::string {
  if (!supports(arch, endian)) return "no Hermit kernel";
  return std::string{name(arch)}.append(", ").append(name(endian));
}
//! [hermitage/entry/arch.hpp]

//! [hermitage/entry/boot_info.hpp]
auto boot_info_for(const LoadedKernel& loaded, std::uint64_t memory_size)
    -> std::expected<RawBootInfoBytes, BootInfoError> {
  const BootInfo info{.hardware = {.phys_addr_range = {.start = {0}, .end = {memory_size}}, .serial_port_base = 0x3f8},
                      .load = {.kernel_image = loaded.image, .tls = loaded.tls},
                      .platform = UhyvePlatform{.num_cpus = 1, .cpu_freq_khz = 3'000'000}};
  return info.encode(Arch::x86_64, Endian::little);
}
//! [hermitage/entry/boot_info.hpp]

//! [hermitage/entry/boot_protocol.hpp]
void print_boot_protocols(const ElfFile& file) {
  for (const auto protocol : kBootProtocols) {
    if (supports(file, protocol)) std::puts(std::string{name(protocol)}.c_str());
  }
}
//! [hermitage/entry/boot_protocol.hpp]

//! [hermitage/entry/build.hpp]
auto can_read(Endian endian) -> bool {
  return kHasBothByteOrders || endian == kNativeEndian;
}
//! [hermitage/entry/build.hpp]

//! [hermitage/entry/bytes.hpp]
auto second_word(ByteView bytes) -> std::optional<std::uint32_t> {
  const auto word = bytes.slice(4, 4);
  if (!word) return std::nullopt;
  return word->get<std::uint32_t>(0);
}
//! [hermitage/entry/bytes.hpp]

//! [hermitage/entry/compiler.hpp]
class Kernels {
 public:
  [[nodiscard]] auto newest() const HERMITAGE_LIFETIMEBOUND -> const std::string& { return names_.back(); }

 private:
  std::vector<std::string> names_ = {"hello"};
};
//! [hermitage/entry/compiler.hpp]

//! [hermitage/entry/elf.hpp]
auto is_executable(const elf::Segment& segment) -> bool {
  return segment.type == elf::kSegmentLoad && (segment.flags & elf::kFlagExecute) != 0;
}
//! [hermitage/entry/elf.hpp]

//! [hermitage/entry/elf_file.hpp]
void print_sections(std::span<const std::byte> bytes) {
  const auto file = ElfFile::open(bytes);
  if (!file) return;
  for (const auto section : file->sections()) std::puts(std::string{file->section_name(section)}.c_str());
}
//! [hermitage/entry/elf_file.hpp]

//! [hermitage/entry/examine.hpp]
auto problems_of(const ElfFile& file) -> std::vector<Problem> {
  std::vector<Problem> problems;
  auto remember = [&problems](const Problem& problem) {
    problems.push_back(problem);
    return problems.size() < 100;
  };
  const auto facts = examine(file, remember);
  examine_relocations(file, facts, remember);
  examine_oddities(file, facts, remember);
  return problems;
}
//! [hermitage/entry/examine.hpp]

//! [hermitage/entry/format.hpp]
auto why_no_kernel(std::span<const std::byte> start_of_file) -> std::string {
  const auto format = detect_format(start_of_file);
  if (format == Format::elf) return {};
  return std::string{description(format)}.append("; ").append(advice(format));
}
//! [hermitage/entry/format.hpp]

//! [hermitage/entry/formatters.hpp]
#if defined(HERMITAGE_HAS_FMT)
auto report(const Problem& problem) -> std::string {
  return fmt::format("{} {}: {}", name(problem.severity()), problem.name(), problem);
}
#endif
//! [hermitage/entry/formatters.hpp]

//! [hermitage/entry/image_path.hpp]
auto has_valid_depth(std::string_view path) -> bool {
  const auto shape = shape_of(path);
  return !shape.goes_up && !shape.is_too_long && !shape.is_too_deep();
}
//! [hermitage/entry/image_path.hpp]

//! [hermitage/entry/kernel_object.hpp]
auto load(std::span<const std::byte> elf, std::uint64_t memory_limit)
    -> std::expected<std::vector<std::byte>, std::string> {
  const auto kernel = KernelObject::parse(elf);
  if (!kernel) return std::unexpected{std::string{kernel.error().message().view()}};
  if (kernel->mem_size() > memory_limit) return std::unexpected{"the kernel is too large"};
  std::vector<std::byte> memory(kernel->mem_size());
  const auto start = kernel->start_addr().value_or(GuestAddress{0x200000});
  const auto loaded = kernel->load(memory, start, {.zeroed_memory = true});
  if (!loaded) return std::unexpected{std::string{loaded.error().message().view()}};
  return memory;
}
//! [hermitage/entry/kernel_object.hpp]

//! [hermitage/entry/load_plan.hpp]
auto mapped_bytes(const KernelObject& kernel, GuestAddress start) -> std::uint64_t {
  constexpr std::uint64_t kPageSize = 4096;
  const auto pages = LoadPlan::page_count(kernel, start, kPageSize);
  const auto page_flags = std::make_unique<bool[]>(pages);
  const auto plan = LoadPlan::make(kernel, start, kPageSize, {page_flags.get(), pages});
  if (!plan) return 0;
  std::uint64_t sum = 0;
  for (const auto& step : *plan) {
    if (step.action == LoadStep::Action::map) sum += step.size;
  }
  return sum;
}
//! [hermitage/entry/load_plan.hpp]

//! [hermitage/entry/notes.hpp]
auto note_names(const KernelObject& kernel) -> std::vector<std::string> {
  std::vector<std::string> names;
  kernel.for_each_note([&names](const Note& note, std::uint64_t) { names.emplace_back(note.name); });
  return names;
}
//! [hermitage/entry/notes.hpp]

//! [hermitage/entry/problem.hpp]
template <AnyProblem T>
void log(const T& problem) {
  const auto message = problem.message();
  const std::string_view text{message};
  std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
}
//! [hermitage/entry/problem.hpp]

//! [hermitage/entry/quantity.hpp]
auto memory_from(std::string_view text) -> std::uint64_t {
  return parse_quantity(text).value_or(std::uint64_t{64} << 20);
}
//! [hermitage/entry/quantity.hpp]

//! [hermitage/entry/relocation.hpp]
auto count_relative(const KernelObject& kernel) -> std::ptrdiff_t {
  const auto relative = relative_relocation_type(kernel.arch());
  return std::ranges::count(kernel.relocations(), relative, &elf::Rela::type);
}
//! [hermitage/entry/relocation.hpp]

//! [hermitage/entry/shell_word.hpp]
auto needs_quotes(std::string_view word) -> bool {
  return word.empty() || !std::ranges::all_of(word, needs_no_quotes);
}
//! [hermitage/entry/shell_word.hpp]

//! [hermitage/entry/symbol_table.hpp]
auto symbol_names(const ElfFile& file) -> std::vector<std::string> {
  const auto symbols = file.symbols();
  std::vector<std::string> names;
  for (const auto symbol : symbols.symbols()) names.emplace_back(symbols.name(symbol));
  return names;
}
//! [hermitage/entry/symbol_table.hpp]

//! [hermitage/entry/table.hpp]
auto largest_segment(const Table<elf::Segment>& segments) -> std::uint64_t {
  std::uint64_t largest = 0;
  for (const auto segment : segments) largest = std::max(largest, segment.memsz);
  return largest;
}
//! [hermitage/entry/table.hpp]

//! [hermitage/entry/text.hpp]
auto vcpu_name(std::uint64_t number) -> FixedText<24> {
  FixedText<24> text;
  text.append("vCPU ").append_decimal(number);
  return text;
}
//! [hermitage/entry/text.hpp]

//! [hermitage/entry/uhyve_interface.hpp]
auto open_for_reading(uhyve::Gpa name) -> uhyve::OpenParams {
  return {.name = name, .flags = uhyve::kOpenReadOnly, .mode = 0, .ret = -1};
}
//! [hermitage/entry/uhyve_interface.hpp]

//! [hermitage/entry/utf8.hpp]
auto can_be_argument(std::string_view text) -> bool {
  return is_utf8(text);
}
//! [hermitage/entry/utf8.hpp]

//! [hermitage/entry/version.hpp]
auto is_recent(const KernelObject& kernel) -> bool {
  return kernel.hermit_version().value_or(HermitVersion{}) >= HermitVersion{.major = 0, .minor = 10};
}
//! [hermitage/entry/version.hpp]

}  // namespace examples
