#include "hermitage/inspect/report_text.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "hermitage/inspect/memory_map.hpp"
#include "hermitage/inspect/page.hpp"
#include "hermitage/inspect/quantities.hpp"

namespace hermitage::inspect {
namespace {

// The number of rows of a long list in a default report, which then names the option for the others.
constexpr std::size_t kSummaryRows = 24;
constexpr std::size_t kSummaryDescBytes = 16;
constexpr std::size_t kSummaryProblemsOfOneCode = 3;

auto hex_bytes(const NoteReport& note, std::size_t limit) -> std::string {
  std::string text;
  for (const auto byte : std::span{note.desc}.first(std::min(note.desc.size(), limit))) {
    text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  }
  return note.desc.size() > limit || note.is_truncated ? text + "…" : text;
}

// The meaning of a known note. Empty for others.
auto note_meaning(const NoteReport& note, entry::Endian endian) -> std::string {
  const entry::Note view{.name = note.name, .type = note.type, .desc = {note.desc, endian}, .offset = 0};
  if (const auto version = entry::entry_version_of(view)) return fmt::format("Hermit entry version {}", *version);
  if (const auto version = entry::hermit_version_of(view)) return fmt::format("Hermit {}", version->text().view());
  if (const auto version = entry::uhyve_interface_of(view)) return fmt::format("Uhyve interface {}", version->value);
  if (view.is(entry::kXenNoteName, entry::kXenPvhEntryNote)) return "Xen PVH entry point";
  return {};
}

auto style_of(std::uint32_t segment_flags) -> Style {
  if ((segment_flags & entry::elf::kFlagExecute) != 0) return Style::code;
  return (segment_flags & entry::elf::kFlagWrite) != 0 ? Style::data : Style::constant;
}

auto style_of(entry::Severity severity) -> Style {
  switch (severity) {
    case entry::Severity::error: return Style::bad;
    case entry::Severity::warning: return Style::odd;
    case entry::Severity::info: break;
  }
  return Style::faint;
}

auto version_text(const Report& report) -> std::string {
  return report.hermit_version ? std::string{report.hermit_version->text().view()} : "none";
}

auto mem_size_text(const Report& report) -> std::string {
  return report.mem_size ? fmt::format("{} ({})", *report.mem_size, human_size(*report.mem_size)) : "unknown";
}

auto start_addr_text(const Report& report) -> std::string {
  if (report.start_addr) return fmt::format("{} ({})", *report.start_addr, hex(*report.start_addr));
  return report.is_relocatable.value_or(false) ? "any" : "unknown";
}

auto format_text(const Report& report) -> std::string {
  if (const auto& image = report.image) {
    return fmt::format("Hermit image, {} {}, {} unpacked", grouped(image->entries),
                       image->entries == 1 ? "entry" : "entries", human_size(image->unpacked_size));
  }
  switch (report.format) {
    case entry::Format::elf: return "ELF";
    case entry::Format::gzip: return "gzip";
    case entry::Format::unknown: return "unknown";
    default: return std::string{entry::description(report.format)};
  }
}

auto uhyve_interface_text(const Report& report) -> std::string {
  if (!report.uhyve_interface) return "none";
  return fmt::format("{}{}", report.uhyve_interface->value, report.has_uhyve_note ? "" : " (has no note)");
}

auto entry_point_text(const Report& report) -> std::string {
  const auto address = hex(*report.entry_point);
  return report.entry_symbol.empty() ? address : fmt::format("{} {}", address, printable(report.entry_symbol));
}

auto tls_text(const Report& report) -> std::string {
  if (!report.tls) return "none";
  return fmt::format("{}, {}, aligned to {}", hex(report.tls->vaddr),
                     tls_size_text(report.tls->filesz, report.tls->memsz), report.tls->align);
}

auto boot_protocols_text(const Report& report) -> std::string {
  std::string text;
  for (const auto protocol : report.boot_protocols) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", entry::name(protocol));
  }
  return text.empty() ? "none" : text;
}

void print_texts(Page& page, std::string_view label, const std::vector<std::string>& texts) {
  for (const auto& text : texts) {
    page.field(label, printable(text));
    label = "";
  }
}

void print_config(Page& page, const image::Config& config) {
  page.field("Kernel", printable(config.kernel));
  print_texts(page, "Kernel arguments", config.kernel_args);
  print_texts(page, "App arguments", config.app_args);
  print_texts(page, "Environment", config.env_vars);
  if (config.memory) page.field("Least memory", human_size(*config.memory));
  if (config.cpus != 0) page.field("Least vCPUs", fmt::format("{}", config.cpus));
}

void print_identity(Page& page, const Report& report) {
  page.print("Version: {}\n", version_text(report));
  page.print("Memory Size: {}\n", mem_size_text(report));
  page.print("Start Address: {}\n\n", start_addr_text(report));
  page.field("Format", format_text(report));
  if (report.image) print_config(page, report.image->config);
  if (!report.endian) return;
  page.field("Architecture", fmt::format("{}, {} endian", report.arch ? entry::name(*report.arch) : "not a Hermit one",
                                         entry::name(*report.endian)));
  page.field("Position", *report.is_relocatable ? "relocatable" : "fixed");
  page.field("Entry version", report.entry_version ? fmt::format("{}", *report.entry_version) : "none");
  page.field("Uhyve interface", uhyve_interface_text(report));
  page.field("Entry point", entry_point_text(report));
  page.field("TLS", tls_text(report));
  page.field("Boot protocols", boot_protocols_text(report));
}

void print_more(Page& page, std::size_t total, std::size_t shown, std::string_view option) {
  if (total > shown) page.print("  … and {} more: see {}\n", grouped(total - shown), option);
}

void put_segments(Page& page, const Report& report, std::size_t limit) {
  page.heading("Segments");
  page.print("   #  {:<16} {:>10} {:>12} {:>10} {:>10}  flags {:>8}\n", "type", "offset", "address", "in file",
             "in memory", "align");
  const auto shown = std::min(limit, report.segments.size());
  for (std::size_t index = 0; index < shown; ++index) {
    const auto& segment = report.segments[index];
    page.print("  {:>2}  {:<16} {:>10} {:>12} {:>10} {:>10}  {}   {:>8}\n", index, segment_type_name(segment.type),
               hex(segment.offset), hex(segment.vaddr), hex(segment.filesz), hex(segment.memsz),
               page.styled(style_of(segment.flags), flags_text(segment.flags)), hex(segment.align));
  }
  print_more(page, report.segments.size(), shown, "--segments");
}

void put_notes(Page& page, const Report& report, std::size_t limit, std::size_t desc_limit) {
  page.heading("Notes");
  if (report.notes.empty()) page.print("  none\n");
  const auto shown = std::min(limit, report.notes.size());
  for (const auto& note : std::span{report.notes}.first(shown)) {
    page.print("  {:<8} {:>6}  {:<34} {}\n", printable(note.name), hex(note.type), hex_bytes(note, desc_limit),
               note_meaning(note, *report.endian));
  }
  print_more(page, report.notes.size(), shown, "--notes");
}

void print_counts(Page& page, const Report& report) {
  page.heading("Relocations and symbols");
  page.field("  Relocations", grouped(report.relocations.total));
  for (const auto& [type, count] : report.relocations.by_type) {
    page.print("    {:<24} {:>12}\n", type, grouped(count));
  }
  page.field("  Symbols",
             fmt::format("{} and {} dynamic", grouped(report.symbols.table), grouped(report.symbols.dynamic)));
}

void print_problem(Page& page, const ShownProblem& problem) {
  page.print("  {}  {}: {}", page.styled(style_of(problem.severity), fmt::format("{:<7}", name(problem.severity))),
             problem.code, printable(problem.message));
  if (problem.offset) page.print(" {}", page.styled(Style::faint, fmt::format("[at {}]", hex(*problem.offset))));
  page.print("\n");
}

// Prints problems with the same code together, at the place of the first, and at most `limit` of them.
void print_problems(Page& page, const Report& report, std::size_t limit) {
  page.print("\n{} {}\n", page.styled(Style::heading, "Loadable:"),
             report.loadable ? page.styled(Style::good, "yes") : page.styled(Style::bad, "no"));
  auto problems = shown_problems(report);
  for (std::span<ShownProblem> rest{problems}; !rest.empty();) {
    const auto code = rest.front().code;
    const auto others =
        std::ranges::stable_partition(rest, [code](const ShownProblem& problem) { return problem.code == code; });
    const auto count = rest.size() - others.size();
    for (const auto& problem : rest.first(std::min(count, limit))) print_problem(page, problem);
    if (count > limit) {
      // Above kMaxProblemsOfOneCode, the number is not known.
      page.print("           … and {}{} more like this: see --all\n", count < kMaxProblemsOfOneCode ? "" : "at least ",
                 count - limit);
    }
    rest = rest.subspan(count);
  }
}

// " symbol + 0x10". Empty for DT_RELR, whose addend is in memory.
auto relocation_value_text(const RelocationReport::Entry& entry) -> std::string {
  if (entry.type == "RELR") return {};
  std::string symbol;
  if (entry.symbol != 0) {
    const auto name = entry.symbol_name.empty() ? fmt::format("symbol {}", entry.symbol) : printable(entry.symbol_name);
    symbol = fmt::format(" {}", name);
  }
  const auto addend = static_cast<std::uint64_t>(entry.addend);
  return entry.addend < 0 ? fmt::format("{} - {:#x}", symbol, 0 - addend) : fmt::format("{} + {:#x}", symbol, addend);
}

// The narrowest bar of a map, even if the display is narrower, and the widest display that a map fills.
constexpr std::size_t kLeastBarColumns = 8;
constexpr std::size_t kMostDisplayColumns = 500;

constexpr std::string_view kEntryPoint = "     entry point";

// The columns [begin, end) of a range. At least one column.
struct Columns {
  std::size_t begin;
  std::size_t end;
};

// The columns of the map: of its addresses, and of its bar, which represents `size` bytes.
struct MapScale {
  std::size_t address_columns;
  std::size_t bar_columns;
  std::uint64_t size;

  [[nodiscard]] auto columns_of(std::uint64_t offset, std::uint64_t length) const -> Columns {
    const auto column_of = [this](std::uint64_t at) {
      const auto share = static_cast<double>(at) / static_cast<double>(size);
      return static_cast<std::size_t>(std::lround(share * static_cast<double>(bar_columns)));
    };
    const auto begin = std::min(column_of(offset), bar_columns - 1);
    return {.begin = begin, .end = std::max(begin + 1, std::min(column_of(offset + length), bar_columns))};
  }
};

struct MapRow {
  MapRegion region;
  std::string description;
};

auto row_of(const MapRegion& region, std::string_view what) -> MapRow {
  return {.region = region,
          .description = fmt::format("{}  {:<9} {}", flags_text(region.flags), human_size(region.size), what)};
}

// The rows of at most `limit` segments, and of the TLS template.
auto rows_of(const MemoryMap& map, std::size_t limit) -> std::vector<MapRow> {
  std::vector<MapRow> rows;
  for (const auto& region : std::span{map.regions}.first(std::min(limit, map.regions.size()))) {
    rows.push_back(row_of(region, fmt::format("segment {}", region.segment)));
  }
  if (map.tls) rows.push_back(row_of(*map.tls, "TLS template"));
  return rows;
}

// The scale that makes the longest row as long as a line of the display.
auto scale_of(const MemoryMap& map, std::span<const MapRow> rows, std::size_t display_columns) -> MapScale {
  constexpr std::size_t kSeparators = 6;  // "  ADDRESS │BAR│ DESCRIPTION"
  auto address_columns = hex(map.base + map.entry.value_or(0)).size();
  auto description_columns = kEntryPoint.size();
  for (const auto& [region, description] : rows) {
    address_columns = std::max(address_columns, hex(map.base + region.offset).size());
    description_columns = std::max(description_columns, description.size());
  }
  const auto others = address_columns + description_columns + kSeparators;
  const auto columns = std::clamp(display_columns, others + kLeastBarColumns, kMostDisplayColumns);
  return {.address_columns = address_columns, .bar_columns = columns - others, .size = map.size};
}

auto repeated(std::string_view glyph, std::size_t count) -> std::string {
  std::string text;
  for (; count > 0; --count) text += glyph;
  return text;
}

void print_map_row(Page& page, const MapScale& scale, std::uint64_t base, const MapRow& row) {
  const auto& region = row.region;
  const auto [begin, end] = scale.columns_of(region.offset, region.size);
  const auto file_end = region.file_size == region.size
                            ? end
                            : std::clamp(scale.columns_of(region.offset, region.file_size).end, begin, end);
  // At least one column for zeros if there is space, and no column for the file if no bytes come from it.
  const bool has_zeros = region.file_size < region.size && end - begin > 1;
  const auto solid = region.file_size == 0 ? 0 : std::min(file_end - begin, end - begin - (has_zeros ? 1 : 0));
  const auto bar = repeated("█", solid) + repeated("░", end - begin - solid);
  page.print("  {:>{}} │{}{}{}│ {}\n", hex(base + region.offset), scale.address_columns, repeated(" ", begin),
             page.styled(style_of(region.flags), bar), repeated(" ", scale.bar_columns - end), row.description);
}

void print_entry_row(Page& page, const MapScale& scale, const MemoryMap& map) {
  const auto column = scale.columns_of(*map.entry, 1).begin;
  page.print("  {:>{}} │{}{}{}│ {}\n", hex(map.base + *map.entry), scale.address_columns, repeated(" ", column),
             page.styled(Style::good, "▲"), repeated(" ", scale.bar_columns - column - 1), kEntryPoint);
}

void print_memory_map(Page& page, const Report& report, std::size_t limit) {
  const auto map = make_memory_map(report);
  if (!map) return;
  const auto rows = rows_of(*map, limit);
  const auto scale = scale_of(*map, rows, page.columns());
  page.heading(fmt::format("Memory map: {}, {} a column (█ file, ░ zeros)", human_size(map->size),
                           human_size(std::max<std::uint64_t>(1, map->size / scale.bar_columns))));
  const auto shown = std::min(limit, map->regions.size());
  for (const auto& row : std::span{rows}.first(shown)) print_map_row(page, scale, map->base, row);
  print_more(page, map->regions.size(), shown, "--segments");
  for (const auto& row : std::span{rows}.subspan(shown)) print_map_row(page, scale, map->base, row);
  if (map->entry) print_entry_row(page, scale, *map);
}

}  // namespace

void print_summary(const Report& report, const Display& display, Extent extent, const Sink& sink) {
  const auto rows = extent == Extent::full ? SIZE_MAX : kSummaryRows;
  const auto desc_bytes = extent == Extent::full ? SIZE_MAX : kSummaryDescBytes;
  Page page{display, sink};
  print_identity(page, report);
  if (report.endian) {
    put_segments(page, report, rows);
    put_notes(page, report, rows, desc_bytes);
    print_counts(page, report);
  }
  print_problems(page, report, extent == Extent::full ? SIZE_MAX : kSummaryProblemsOfOneCode);
  print_memory_map(page, report, rows);
}

void print_segments(const Report& report, const Display& display, const Sink& sink) {
  Page page{display, sink};
  put_segments(page, report, report.segments.size());
}

void print_notes(const Report& report, const Display& display, const Sink& sink) {
  Page page{display, sink};
  put_notes(page, report, report.notes.size(), SIZE_MAX);
}

void print_relocations(const Report& report, const Display& display, const Sink& sink) {
  Page page{display, sink};
  page.heading(fmt::format("Relocations: {}", grouped(report.relocations.total)));
  for (const auto& entry : report.relocations.entries) {
    page.print("  {:>12}  {:<22}{}\n", hex(entry.offset), entry.type, relocation_value_text(entry));
  }
}

void print_symbols(const Report& report, const Display& display, const Sink& sink) {
  Page page{display, sink};
  page.heading(
      fmt::format("Symbols: {} and {} dynamic", grouped(report.symbols.table), grouped(report.symbols.dynamic)));
  for (const auto& entry : report.symbols.entries) {
    page.print("  {:>12} {:>10}  {}{}  {}\n", hex(entry.value), entry.size, entry.is_dynamic ? 'd' : '-',
               entry.is_undefined ? 'u'
               : entry.is_weak    ? 'w'
                                  : '-',
               printable(entry.demangled));
  }
}

void print_sections(const Report& report, const Display& display, const Sink& sink) {
  Page page{display, sink};
  page.heading(fmt::format("Sections: {}", report.sections.size()));
  for (std::size_t index = 0; index < report.sections.size(); ++index) {
    const auto& [name, section, is_truncated] = report.sections[index];
    page.print("  {:>3}  {:<28} type {:<10} offset {:>10}  address {:>12}  size {:>10}\n", index, printable(name),
               hex(section.type), hex(section.offset), hex(section.addr), hex(section.size));
  }
  page.heading(fmt::format("Dynamic section: {}", report.dynamic.size()));
  for (const auto& entry : report.dynamic) page.print("  {:>12}  {}\n", hex(entry.tag), hex(entry.value));
}

void print_load_plan(const Report& report, const Display& display, const Sink& sink) {
  Page page{display, sink};
  if (!report.load_plan_start) return;
  page.heading(fmt::format("Load plan at {}, with pages of {}", hex(*report.load_plan_start), human_size(kPageSize)));
  for (const auto& step : report.load_plan) {
    const auto is_from_file = step.action != entry::LoadStep::Action::zero;
    const auto action = step.action == entry::LoadStep::Action::map ? "map" : is_from_file ? "copy" : "zero";
    page.print("  {:<5} {:>12} bytes at {:<12}{}", action, grouped(step.size),
               hex(*report.load_plan_start + step.memory_offset),
               is_from_file ? fmt::format(" from {:<10}", hex(step.file_offset.value)) : std::string(16, ' '));
    if (step.relocated_pages != 0) page.print("  relocated pages: {}", grouped(step.relocated_pages));
    page.print("\n");
  }
}

}  // namespace hermitage::inspect
