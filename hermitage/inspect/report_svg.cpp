#include "hermitage/inspect/report_svg.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "hermitage/inspect/memory_map.hpp"
#include "hermitage/inspect/page.hpp"
#include "hermitage/inspect/quantities.hpp"

namespace hermitage::inspect {
namespace {

constexpr double kWidth = 860;
constexpr double kLeft = 24;
constexpr double kBarWidth = kWidth - 2 * kLeft;
constexpr double kBarTop = 88;
constexpr double kBarHeight = 56;
constexpr double kTlsHeight = 6;
constexpr double kLegend = kBarTop + kBarHeight + 50;  // baseline
constexpr double kTableTop = kLegend + 36;             // baseline of the heading
constexpr double kRowHeight = 24;
constexpr double kCharacter = 7.23;  // width of a character of 12 pixels
constexpr std::size_t kMaxRows = 48;
// The numbers of characters that fit in a line.
constexpr std::size_t kLongestName = 70;
constexpr std::size_t kLongestFacts = 102;

// The columns of the table: address, end, flags, size in memory, zeros, content.
constexpr double kAddressX = kLeft + 22;
constexpr std::array<double, 6> kColumns{kAddressX, 196, 346, 396, 492, 588};

// The classes of the style sheet.
constexpr std::string_view kStyle =
    "<style>.ink{fill:#1f2933}.line{stroke:#1f2933;stroke-width:1.5}.faint{fill:#52606d}.tick{stroke:#9aa5b1}"
    ".paper{fill:#ffffff;stroke:#d5dbe1}.gap{fill:#e4e7eb}.zeros{fill-opacity:0.4}"
    ".constants{fill:#4f8a50}.code{fill:#2b7fb8}.data{fill:#c9762b}.writable-code{fill:#c43d3d}.tls{fill:#7a4fa3}"
    "@media (prefers-color-scheme: dark){.ink{fill:#f5f7fa}.line{stroke:#f5f7fa}.faint{fill:#cbd2d9}"
    ".tick{stroke:#7b8794}.paper{fill:#1f2933;stroke:#3e4c59}.gap{fill:#323f4b}"
    ".constants{fill:#74b375}.code{fill:#56a8df}.data{fill:#e39a55}.writable-code{fill:#e66a6a}.tls{fill:#b48bdc}}"
    "</style>\n";

// The use of a segment, by its flags.
struct Kind {
  std::string_view style;  // class
  std::string_view name;
};

auto kind_of(std::uint32_t flags) -> Kind {
  constexpr auto kWritableCode = entry::elf::kFlagWrite | entry::elf::kFlagExecute;
  if ((flags & kWritableCode) == kWritableCode) return {.style = "writable-code", .name = "writable code"};
  if ((flags & entry::elf::kFlagExecute) != 0) return {.style = "code", .name = "code"};
  if ((flags & entry::elf::kFlagWrite) != 0) return {.style = "data", .name = "data"};
  return {.style = "constants", .name = "constants"};
}

// A row of the table.
struct Row {
  enum class Content : std::uint8_t { segment, gap, tls };

  Content content;
  MapRegion region;
  Kind kind;

  [[nodiscard]] auto is_gap() const -> bool { return content == Content::gap; }
  [[nodiscard]] auto zeros() const -> std::uint64_t { return is_gap() ? 0 : region.size - region.file_size; }
  [[nodiscard]] auto text() const -> std::string {
    return content == Content::segment ? fmt::format("{} (segment {})", kind.name, region.segment)
                                       : std::string{kind.name};
  }
};

auto gap_between(std::uint64_t begin, std::uint64_t end) -> Row {
  return {.content = Row::Content::gap,
          .region = {.offset = begin, .size = end - begin},
          .kind = {.style = "gap", .name = "gap, zero-filled"}};
}

// The segments and the gaps between them, in the order of their addresses.
auto rows_of(const MemoryMap& map) -> std::vector<Row> {
  auto regions = map.regions;
  std::ranges::stable_sort(regions, {}, &MapRegion::offset);
  std::vector<Row> rows;
  std::uint64_t covered = 0;  // all offsets below are in a row
  for (const auto& region : regions) {
    if (region.offset > covered) rows.push_back(gap_between(covered, region.offset));
    rows.push_back({.content = Row::Content::segment, .region = region, .kind = kind_of(region.flags)});
    covered = std::max(covered, region.offset + region.size);
  }
  if (covered < map.size) rows.push_back(gap_between(covered, map.size));
  return rows;
}

// Draws one map as an SVG document.
class Drawing {
 public:
  Drawing(const Report& report, const Sink& sink) : report_{report}, sink_{sink}, map_{make_memory_map(report)} {
    if (map_) rows_ = rows_of(*map_);
  }

  void draw() {
    const auto shown = std::min(rows_.size(), kMaxRows);
    const auto lines = shown + (map_ && map_->tls ? 1 : 0) + (shown < rows_.size() ? 1 : 0);
    const auto height = map_ ? kTableTop + static_cast<double>(lines) * kRowHeight + 20 : 80;
    print(
        R"(<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{0:g}" height="{1:g}" viewBox="0 0 {0:g} {1:g}" )"
        R"(font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, monospace" font-size="12" class="ink">)"
        "\n",
        kWidth, height);
    draw_title(height);
    if (map_) {
      draw_bar();
      draw_entry();
      draw_axis();
      draw_legend();
      draw_table(std::span{rows_}.first(shown));
    }
    print("</svg>\n");
  }

 private:
  template <class... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) {
    text_.clear();
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    sink_(text_);
  }

  // A piece of text of the usual size.
  void print_text(double x, double baseline, std::string_view style, std::string_view text) {
    print(R"(<text x="{:g}" y="{:g}" class="{}">{}</text>)", x, baseline, style, escape_xml(text));
  }

  void print_swatch(double x, double baseline, std::string_view style) {
    print(R"(<rect x="{:g}" y="{:g}" width="13" height="13" rx="2" class="{}"/>)", x, baseline - 11, style);
  }

  // A part of the bar. Its size is visible, and it does not extend past the end of the bar.
  void print_part(std::uint64_t offset, std::uint64_t size, double height, std::string_view style) {
    constexpr double kLeastWidth = 1.5;
    const auto width = std::max(kLeastWidth, static_cast<double>(size) / static_cast<double>(map_->size) * kBarWidth);
    const auto x = std::min(x_of(offset), kLeft + kBarWidth - width);
    print(R"(<rect x="{:.2f}" y="{:g}" width="{:.2f}" height="{:g}" class="{}"/>)", x, kBarTop, width, height, style);
  }

  [[nodiscard]] auto x_of(std::uint64_t offset) const -> double {
    return kLeft + static_cast<double>(offset) / static_cast<double>(map_->size) * kBarWidth;
  }

  [[nodiscard]] auto begin_of(const MapRegion& region) const -> std::string { return hex(map_->base + region.offset); }
  [[nodiscard]] auto end_of(const MapRegion& region) const -> std::string {
    return hex(map_->base + region.offset + region.size);
  }

  [[nodiscard]] auto facts_of_report() const -> std::string {
    std::string facts = report_.arch ? std::string{entry::name(*report_.arch)} : "no Hermit kernel";
    if (report_.endian == entry::Endian::big) facts += ", big endian";
    if (report_.hermit_version) facts += fmt::format(" · Hermit {}", report_.hermit_version->text().view());
    if (report_.is_relocatable) facts += *report_.is_relocatable ? " · relocatable" : " · fixed";
    facts += map_ ? fmt::format(" · {} in memory", human_size(map_->size)) : " · nothing to load";
    if (report_.relocations.total != 0) facts += fmt::format(" · {} relocations", grouped(report_.relocations.total));
    return facts;
  }

  void draw_title(double height) {
    const auto name = escape_xml(cut_printable(report_.file.substr(report_.file.rfind('/') + 1), kLongestName));
    const auto facts = facts_of_report();
    print("<title>Memory map of {}</title>\n<desc>{}</desc>\n", name, escape_xml(facts));
    sink_(kStyle);
    print(R"(<rect x="0.5" y="0.5" width="{:g}" height="{:g}" rx="8" class="paper"/>)"
          "\n",
          kWidth - 1, height - 1);
    print(R"(<text x="{:g}" y="36" font-size="18" font-weight="bold">{}</text>)"
          "\n",
          kLeft, name);
    print(R"(<text x="{:g}" y="58" font-size="13" class="faint">{}</text>)"
          "\n",
          kLeft, escape_xml(cut_printable(facts, kLongestFacts)));
  }

  // Gaps come first, because a part of a small segment may be drawn over them.
  void draw_bar() {
    for (const bool are_gaps : {true, false}) {
      for (const auto& row : rows_) {
        if (row.is_gap() == are_gaps) draw_in_bar(row, kBarHeight);
      }
    }
    if (map_->tls) draw_in_bar(tls_row(), kTlsHeight);
  }

  void draw_in_bar(const Row& row, double height) {
    const auto& region = row.region;
    print(R"(<g class="{}"><title>{}</title>)", row.kind.style, escape_xml(tooltip_of(row)));
    if (region.file_size < region.size) print_part(region.offset, region.size, height, row.is_gap() ? "gap" : "zeros");
    if (region.file_size != 0) print_part(region.offset, region.file_size, height, "file");
    print("</g>\n");
  }

  [[nodiscard]] auto tooltip_of(const Row& row) const -> std::string {
    const auto& region = row.region;
    auto text = fmt::format("{}: {} to {}, {}", row.text(), begin_of(region), end_of(region), human_size(region.size));
    if (row.zeros() != 0) text += fmt::format(", {} of zeros", human_size(row.zeros()));
    return text;
  }

  void draw_entry() {
    if (!map_->entry) return;
    const auto x = x_of(*map_->entry);
    const bool is_right = x > kWidth / 2;
    print(R"(<path d="M{0:.2f} {1:g} v{2:g}" class="line"/><path d="M{0:.2f} {1:g} l-5 -9 h10 z"/>)"
          R"(<text x="{3:.2f}" y="{4:g}" text-anchor="{5}">entry {6}</text>)"
          "\n",
          x, kBarTop, kBarHeight, is_right ? x - 9 : x + 9, kBarTop - 3, is_right ? "end" : "start",
          hex(map_->base + *map_->entry));
  }

  // Ticks at multiples of a power of two, with enough space for their labels.
  void draw_axis() {
    const auto label_width = static_cast<double>(hex(map_->base + map_->size).size()) * kCharacter;
    // A label at an end of the bar is moved by up to half of its width.
    const auto least = std::max(100.0, 1.5 * label_width + 7);
    const auto step =
        std::bit_ceil(static_cast<std::uint64_t>(std::ceil(least / kBarWidth * static_cast<double>(map_->size))));
    for (auto offset = (0 - map_->base) % step; offset <= map_->size; offset += step) {
      const auto x = x_of(offset);
      const auto label = hex(map_->base + offset);
      const auto half = static_cast<double>(label.size()) * kCharacter / 2;
      const auto label_x = std::clamp(x, kLeft + half, kLeft + kBarWidth - half);
      print(R"(<path d="M{:.2f} {:g} v5" class="tick"/>)"
            R"(<text x="{:.2f}" y="{:g}" text-anchor="middle" class="faint">{}</text>)"
            "\n",
            x, kBarTop + kBarHeight, label_x, kBarTop + kBarHeight + 19, label);
      if (map_->size - offset < step) break;
    }
  }

  void draw_legend() {
    double x = kLeft;
    const auto add = [&](std::string_view style, std::string_view meaning) {
      print_swatch(x, kLegend, style);
      print_text(x + 20, kLegend, "faint", meaning);
      x += 44 + static_cast<double>(meaning.size()) * kCharacter;
    };
    add("file", "from the file");
    add("zeros", "zeros");
    add("gap", "gap between segments");
    print("\n");
  }

  void draw_table(std::span<const Row> rows) {
    draw_cells(kTableTop, "faint", {"address", "end", "flags", "in memory", "zeros", "content"});
    auto y = kTableTop;
    for (const auto& row : rows) draw_row(y += kRowHeight, row);
    if (map_->tls) draw_row(y += kRowHeight, tls_row());
    if (rows.size() == rows_.size()) return;
    print_text(kAddressX, y + kRowHeight, "faint",
               fmt::format("… and {} more: see hermitage inspect --segments", grouped(rows_.size() - rows.size())));
    print("\n");
  }

  void draw_row(double y, const Row& row) {
    const auto& region = row.region;
    print_swatch(kLeft, y, row.kind.style);
    draw_cells(y, "ink",
               {begin_of(region), end_of(region), row.is_gap() ? "–" : flags_text(region.flags),
                human_size(region.size), row.zeros() == 0 ? "–" : human_size(row.zeros()), row.text()});
  }

  void draw_cells(double y, std::string_view style, const std::array<std::string, kColumns.size()>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) print_text(kColumns[i], y, style, cells[i]);
    print("\n");
  }

  [[nodiscard]] auto tls_row() const -> Row {
    return {.content = Row::Content::tls, .region = *map_->tls, .kind = {.style = "tls", .name = "TLS template"}};
  }

  const Report& report_;
  const Sink& sink_;
  std::optional<MemoryMap> map_;
  std::vector<Row> rows_;
  std::string text_;  // the text of the current element
};

}  // namespace

void print_svg(const Report& report, const Sink& sink) {
  Drawing{report, sink}.draw();
}

}  // namespace hermitage::inspect
