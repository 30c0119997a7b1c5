#include "hermitage/inspect/report.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "hermitage/entry/examine.hpp"
#include "hermitage/entry/relocation.hpp"
#include "hermitage/inspect/budget.hpp"
#include "hermitage/inspect/demangle.hpp"
#include "hermitage/inspect/names.hpp"
#include "hermitage/inspect/quantities.hpp"

namespace hermitage::inspect {
namespace {

using entry::ElfFile;
using entry::Problem;
using entry::ProblemCode;
using entry::Severity;

// A malformed relocation table can cause a problem for each entry. A report contains this many.
constexpr std::size_t kMaxRelocationProblems = 16;

auto relocation_name(std::optional<entry::Arch> arch, std::uint32_t type) -> std::string {
  const auto name = arch ? entry::relocation_type_name(*arch, type) : std::string_view{};
  return name.empty() ? hex(type) : std::string{name};
}

auto name_of(std::string_view whole) -> Name {
  return {.text = shortened(whole), .is_truncated = whole.size() > kMaxName};
}

// The demangled name. A truncated name cannot be demangled.
auto demangled_name_of(std::string_view whole) -> Name {
  return whole.size() > kMaxName ? name_of(whole) : name_of(demangle(whole));
}

// The symbols of a table, with their names.
class NamedSymbols {
 public:
  explicit NamedSymbols(const entry::SymbolTable& table) : table_{table}, names_{table.names().text()} {}

  [[nodiscard]] auto all() const -> entry::Table<entry::elf::Symbol> { return table_.symbols(); }
  [[nodiscard]] auto name(const entry::elf::Symbol& symbol) -> std::string_view { return names_.at(symbol.name); }

 private:
  entry::SymbolTable table_;
  StringTable names_;
};

void collect_notes(const ElfFile& file, Budget& budget, Report& report) {
  file.for_each_note([&](const entry::Note& note, std::uint64_t offset) {
    const auto desc = note.desc.bytes().first(std::min(note.desc.bytes().size(), kMaxName));
    auto name = shortened(note.name);
    if (!budget.take(sizeof(NoteReport) + name.size() + desc.size())) return;
    report.notes.push_back({.name = std::move(name),
                            .type = note.type,
                            .desc = {desc.begin(), desc.end()},
                            .offset = offset,
                            .is_truncated = note.name.size() > kMaxName || note.desc.bytes().size() > kMaxName});
  });
}

void collect_relocation_entries(const ElfFile& file, Budget& budget, Report& report) {
  auto& entries = report.relocations.entries;
  NamedSymbols symbols{file.dynamic_symbols()};
  for (const auto rela : file.relocations()) {
    if (!budget.take(sizeof(RelocationReport::Entry))) continue;
    RelocationReport::Entry entry{.offset = rela.offset,
                                  .type = relocation_name(report.arch, rela.type),
                                  .symbol = rela.symbol,
                                  .symbol_name = {},
                                  .addend = static_cast<std::int64_t>(rela.addend)};
    if (rela.symbol != 0 && rela.symbol < symbols.all().size()) {
      const auto make = [&] { return demangled_name_of(symbols.name(symbols.all()[rela.symbol])); };
      entry.symbol_name = budget.take_name(make, entry.is_truncated);
    }
    entries.push_back(std::move(entry));
  }
  entry::for_each_relr(file.relr(), [&](std::uint64_t offset) {
    if (!budget.take(sizeof(RelocationReport::Entry))) return true;
    entries.push_back({.offset = offset, .type = "RELR", .symbol = 0, .symbol_name = {}, .addend = 0});
    return true;
  });
}

// A malformed table can have many types. A report contains the most frequent ones by name, and the sum of the others.
constexpr std::size_t kMaxRelocationTypes = 32;

void count_relocations(const ElfFile& file, Report& report) {
  auto& relocations = report.relocations;
  std::map<std::uint32_t, std::uint64_t> counts;
  for (const auto rela : file.relocations()) ++counts[rela.type];
  auto& by_type = relocations.by_type;
  for (const auto& [type, count] : counts) by_type.emplace_back(relocation_name(report.arch, type), count);
  std::uint64_t relr = 0;
  entry::for_each_relr(file.relr(), [&relr](std::uint64_t) {
    ++relr;
    return true;
  });
  if (relr != 0) by_type.emplace_back("RELR", relr);
  for (const auto& [name, count] : by_type) relocations.total += count;

  std::ranges::stable_sort(by_type, std::ranges::greater{}, [](const auto& entry) { return entry.second; });
  if (by_type.size() <= kMaxRelocationTypes) return;
  std::uint64_t others = 0;
  for (const auto& [name, count] : std::span{by_type}.subspan(kMaxRelocationTypes)) others += count;
  by_type.resize(kMaxRelocationTypes);
  by_type.emplace_back("others", others);
}

void collect_symbol_entries(const entry::SymbolTable& table, bool is_dynamic, Budget& budget, SymbolReport& report) {
  NamedSymbols symbols{table};
  for (const auto symbol : symbols.all()) {
    if (!budget.take(sizeof(SymbolReport::Entry))) continue;
    SymbolReport::Entry entry{.value = symbol.value,
                              .size = symbol.size,
                              .name = {},
                              .demangled = {},
                              .is_dynamic = is_dynamic,
                              .is_undefined = symbol.is_undefined(),
                              .is_weak = symbol.binding() == entry::elf::kBindWeak};
    const auto name = symbols.name(symbol);
    entry.name = budget.take_name([&] { return name_of(name); }, entry.is_truncated);
    entry.demangled = budget.take_name([&] { return demangled_name_of(name); }, entry.is_truncated);
    report.entries.push_back(std::move(entry));
  }
}

void collect_symbols(const ElfFile& file, Budget& budget, Report& report) {
  const auto dynamic = file.dynamic_symbols();
  const auto table = file.symbols();
  report.symbols.dynamic = dynamic.size();
  report.symbols.table = table.size();
  if (!report.details.symbols) return;
  collect_symbol_entries(dynamic, true, budget, report.symbols);
  collect_symbol_entries(table, false, budget, report.symbols);
}

// The name of the function at e_entry. Ignores section and file symbols with the same value.
auto find_entry_symbol(const ElfFile& file) -> std::string {
  constexpr std::uint8_t kNoType = 0;
  constexpr std::uint8_t kFunction = 2;
  constexpr int kMaxCandidates = 64;  // real files have a few
  std::string untyped;
  int candidates = 0;
  for (const auto& table : {file.symbols(), file.dynamic_symbols()}) {
    NamedSymbols symbols{table};
    for (const auto symbol : symbols.all()) {
      const bool is_typed_right = symbol.type() == kFunction || symbol.type() == kNoType;
      if (symbol.value != file.header().entry || symbol.is_undefined() || !is_typed_right) continue;
      if (++candidates > kMaxCandidates) break;
      const auto name = symbols.name(symbol);
      // "$x" and similar names mark code and data on aarch64 and riscv64.
      if (name.empty() || name.starts_with('$')) continue;
      if (symbol.type() == kFunction) return demangled_name_of(name).text;
      if (untyped.empty()) untyped = demangled_name_of(name).text;
    }
  }
  return untyped;
}

void collect_sections(const ElfFile& file, Budget& budget, Report& report) {
  const auto sections = file.sections();
  const auto strings = file.header().shstrndx;
  StringTable names{strings < sections.size() ? file.section_bytes(sections[strings]).text() : std::string_view{}};
  for (const auto section : sections) {
    if (!budget.take(sizeof(SectionReport))) continue;
    SectionReport taken{.name = {}, .section = section};
    taken.name = budget.take_name([&] { return name_of(names.at(section.name)); }, taken.is_truncated);
    report.sections.push_back(std::move(taken));
  }
  const auto dynamic = file.dynamic();
  report.dynamic.assign(dynamic.begin(), dynamic.end());
}

void take_facts(const entry::KernelFacts& facts, const ElfFile& file, Report& report) {
  report.arch = facts.arch;
  report.endian = file.endian();
  report.is_relocatable = facts.is_relocatable;
  report.hermit_version = facts.hermit_version;
  report.entry_version = facts.entry_version;
  report.has_uhyve_note = facts.uhyve_interface.has_value();
  report.uhyve_interface = facts.uhyve_interface;
  // A malformed note is reported as such, not as missing.
  const bool is_malformed =
      std::ranges::find(report.problems, ProblemCode::malformed_uhyve_note, &Problem::code) != report.problems.end();
  if (facts.entry_version && !facts.uhyve_interface && !is_malformed) {
    report.uhyve_interface = entry::kUhyveInterfaceWithoutNote;
  }
  report.mem_size = facts.mem_size;
  report.first_vaddr = facts.first_vaddr;
  if (!facts.is_relocatable) report.start_addr = facts.first_vaddr;
  report.entry_point = file.header().entry;
  report.tls = facts.tls;
}

void examine_relocations(const ElfFile& file, const entry::KernelFacts& facts, std::vector<Problem>& problems) {
  std::uint64_t count = 0;
  auto remember = [&](const Problem& problem) {
    if (++count <= kMaxRelocationProblems) problems.push_back(problem);
    return true;
  };
  entry::examine_relocations(file, facts, remember);
  if (count > kMaxRelocationProblems) {
    problems.push_back({.code = ProblemCode::more_relocation_problems, .found = count - kMaxRelocationProblems});
  }
}

auto has_error(const std::vector<Problem>& problems) -> bool {
  return std::ranges::any_of(problems, [](const Problem& problem) { return problem.severity() == Severity::error; });
}

void make_load_plan(std::span<const std::byte> bytes, Report& report) {
  const auto kernel = entry::KernelObject::parse(bytes);
  if (!kernel) return;
  const auto start = kernel->start_addr().value_or(entry::GuestAddress{kDefaultStart});
  const auto pages = entry::LoadPlan::page_count(*kernel, start, kPageSize);
  // The flags for all pages of a malicious size would take too much memory. The load plan of such a kernel is
  // omitted.
  constexpr std::uint64_t kMaxPages = std::uint64_t{1} << 26;
  if (pages > kMaxPages) return;
  const auto flags = std::make_unique<bool[]>(pages);
  const auto plan = entry::LoadPlan::make(*kernel, start, kPageSize, {flags.get(), pages});
  if (!plan) return;
  report.load_plan_start = start.value;
  for (const auto& step : *plan) report.load_plan.push_back(step);
}

void report_elf(const ElfFile& file, std::span<const std::byte> bytes, Report& report) {
  // A malicious file can have one problem a million times. A report contains a few of each kind.
  auto remember = [&report](const Problem& problem) {
    if (std::ranges::count(report.problems, problem.code, &Problem::code) < std::ptrdiff_t{kMaxProblemsOfOneCode}) {
      report.problems.push_back(problem);
    }
    return true;
  };
  const auto facts = entry::examine(file, remember);
  examine_relocations(file, facts, report.problems);
  entry::examine_oddities(file, facts, remember);
  report.loadable = !has_error(report.problems);

  take_facts(facts, file, report);
  report.segments.assign(file.segments().begin(), file.segments().end());
  report.entry_symbol = find_entry_symbol(file);
  for (const auto protocol : entry::kBootProtocols) {
    if (entry::supports(file, protocol)) report.boot_protocols.push_back(protocol);
  }
  Budget budget{bytes.size()};
  collect_notes(file, budget, report);
  count_relocations(file, report);
  if (report.details.relocations) collect_relocation_entries(file, budget, report);
  collect_symbols(file, budget, report);
  if (report.details.sections) collect_sections(file, budget, report);
  if (budget.left_out() != 0) report.problems.push_back({.code = ProblemCode::left_out, .found = budget.left_out()});
  if (report.details.load_plan && report.loadable) make_load_plan(bytes, report);
}

void report_kernel(std::span<const std::byte> bytes, Report& report) {
  const auto elf = ElfFile::open(bytes);
  if (!elf) {
    report.problems.push_back(elf.error());
    return;
  }
  report_elf(*elf, bytes, report);
  std::ranges::stable_sort(report.problems, std::ranges::greater{}, &Problem::severity);
}

auto empty_report(std::string file, entry::Format format, Details details) -> Report {
  Report report;
  report.file = std::move(file);
  report.format = format;
  report.details = details;
  return report;
}

}  // namespace

auto make_report(std::string file, std::span<const std::byte> bytes, Details details) -> Report {
  const auto format = entry::detect_format(bytes);
  if (format == entry::Format::gzip) {
    return make_report(std::move(file), image::Image::open(bytes, {.contents = image::Contents::kernel}), details);
  }
  auto report = empty_report(std::move(file), format, details);
  report_kernel(bytes, report);
  return report;
}

auto make_report(std::string file, const std::expected<image::Image, image::Problem>& image, Details details)
    -> Report {
  auto report = empty_report(std::move(file), entry::Format::gzip, details);
  if (!image) {
    report.image_problems.push_back(image.error());
    if (image.error().code == image::ProblemCode::packed_kernel) report.format = entry::Format::gzip_elf;
    return report;
  }
  const auto warnings = image->warnings();
  report.image_problems.assign(warnings.begin(), warnings.end());
  report.image = {.config = image->config(), .entries = image->files().size(), .unpacked_size = image->unpacked_size()};
  report_kernel(image->kernel(), report);
  return report;
}

auto shown_problems(const Report& report) -> std::vector<ShownProblem> {
  std::vector<ShownProblem> shown;
  shown.reserve(report.image_problems.size() + report.problems.size());
  for (const auto& problem : report.image_problems) {
    shown.push_back({.severity = problem.severity(), .code = problem.name(), .message = problem.message()});
  }
  for (const auto& problem : report.problems) {
    shown.push_back({.severity = problem.severity(),
                     .code = problem.name(),
                     .message = std::string{problem.message().view()},
                     .offset = problem.offset});
  }
  std::ranges::stable_sort(shown, std::ranges::greater{}, &ShownProblem::severity);
  return shown;
}

}  // namespace hermitage::inspect
