#include "hermitage/inspect/report_svg.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

#include "hermitage/inspect/memory_map.hpp"
#include "hermitage/inspect/quantities.hpp"

namespace hermitage::inspect {
namespace {

constexpr double kWidth = 860;
constexpr double kLeft = 24;
constexpr double kBarWidth = kWidth - 2 * kLeft;
constexpr double kBarTop = 84;
constexpr double kBarHeight = 56;
constexpr double kRowsTop = kBarTop + kBarHeight + 72;
constexpr double kRowHeight = 26;
constexpr std::size_t kMaxRows = 32;

struct Paint {
  std::string_view fill;
  std::string_view kind;
};

auto paint_of(std::uint32_t flags) -> Paint {
  constexpr auto kWritableCode = entry::elf::kFlagWrite | entry::elf::kFlagExecute;
  if ((flags & kWritableCode) == kWritableCode) return {.fill = "#c43d3d", .kind = "writable code"};
  if ((flags & entry::elf::kFlagExecute) != 0) return {.fill = "#2b7fb8", .kind = "code"};
  if ((flags & entry::elf::kFlagWrite) != 0) return {.fill = "#c9762b", .kind = "data"};
  return {.fill = "#5b8c5a", .kind = "constants"};
}

// Draws one map as an SVG document.
class Drawing {
 public:
  Drawing(const Report& report, const Sink& sink) : report_{report}, sink_{sink}, map_{make_memory_map(report)} {}

  void draw() {
    const auto rows = map_ ? std::min(map_->regions.size(), kMaxRows) + (map_->tls ? 1 : 0) : 0;
    const auto height = kRowsTop + static_cast<double>(rows) * kRowHeight + 12;
    print(R"(<svg xmlns="http://www.w3.org/2000/svg" width="{0:g}" height="{1:g}" viewBox="0 0 {0:g} {1:g}" )"
          R"(font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, monospace" font-size="13" fill="#1f2933">)"
          "\n",
          kWidth, height);
    print(R"(<rect x="0.5" y="0.5" width="{:g}" height="{:g}" rx="8" fill="#ffffff" stroke="#d5dbe1"/>)"
          "\n",
          kWidth - 1, height - 1);
    draw_title();
    if (map_) {
      draw_bar();
      draw_axis();
      draw_rows();
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

  [[nodiscard]] auto x_of(std::uint64_t offset) const -> double {
    return kLeft + static_cast<double>(offset) / static_cast<double>(map_->size) * kBarWidth;
  }
  // At least a visible width.
  [[nodiscard]] auto width_of(std::uint64_t size) const -> double {
    return std::max(1.5, static_cast<double>(size) / static_cast<double>(map_->size) * kBarWidth);
  }

  void draw_title() {
    const auto name = report_.file.substr(report_.file.rfind('/') + 1);
    print(R"(<text x="{:g}" y="36" font-size="18" font-weight="bold">{}</text>)"
          "\n",
          kLeft, escape_xml(name));
    std::string facts = report_.arch ? std::string{entry::name(*report_.arch)} : "no Hermit kernel";
    if (report_.endian == entry::Endian::big) facts += ", big endian";
    if (report_.hermit_version) facts += fmt::format(" · Hermit {}", report_.hermit_version->text().view());
    if (report_.is_relocatable) facts += *report_.is_relocatable ? " · relocatable" : " · fixed";
    facts += map_ ? fmt::format(" · {} in memory", human_size(map_->size)) : " · nothing to load";
    if (report_.relocations.total != 0) facts += fmt::format(" · {} relocations", report_.relocations.total);
    print(R"(<text x="{:g}" y="58" fill="#52606d">{}</text>)"
          "\n",
          kLeft, escape_xml(facts));
  }

  void draw_bar() {
    print(R"(<rect x="{:g}" y="{:g}" width="{:g}" height="{:g}" fill="#eef1f4"/>)"
          "\n",
          kLeft, kBarTop, kBarWidth, kBarHeight);
    for (const auto& region : map_->regions) {
      const auto paint = paint_of(region.flags);
      print(R"(<rect x="{:.2f}" y="{:g}" width="{:.2f}" height="{:g}" fill="{}" fill-opacity="0.35"/>)"
            "\n",
            x_of(region.offset), kBarTop, width_of(region.size), kBarHeight, paint.fill);
      if (region.file_size == 0) continue;
      print(R"(<rect x="{:.2f}" y="{:g}" width="{:.2f}" height="{:g}" fill="{}"/>)"
            "\n",
            x_of(region.offset), kBarTop, width_of(region.file_size), kBarHeight, paint.fill);
    }
    if (map_->tls) {
      print(R"(<rect x="{:.2f}" y="{:g}" width="{:.2f}" height="6" fill="#7a4fa3"/>)"
            "\n",
            x_of(map_->tls->offset), kBarTop, width_of(map_->tls->size));
    }
    if (map_->entry) {
      const auto x = x_of(*map_->entry);
      print(R"(<path d="M{0:.2f} {1:g} v{2:g}" stroke="#1f2933" stroke-width="1.5"/>)"
            R"(<path d="M{0:.2f} {1:g} l-5 -9 h10 z" fill="#1f2933"/>)"
            "\n",
            x, kBarTop, kBarHeight);
      const bool is_right = x > kWidth / 2;
      print(R"(<text x="{:.2f}" y="{:g}" text-anchor="{}" font-size="12">entry {}</text>)"
            "\n",
            is_right ? x - 9 : x + 9, kBarTop - 3, is_right ? "end" : "start", hex(map_->base + *map_->entry));
    }
  }

  void draw_axis() {
    constexpr int kTicks = 4;
    for (int tick = 0; tick <= kTicks; ++tick) {
      const auto offset = tick == kTicks ? map_->size : map_->size / kTicks * static_cast<std::uint64_t>(tick);
      const auto x = x_of(offset);
      const auto* anchor = tick == 0 ? "start" : tick == kTicks ? "end" : "middle";
      print(R"(<path d="M{:.2f} {:g} v5" stroke="#9aa5b1"/><text x="{:.2f}" y="{:g}" text-anchor="{}" )"
            R"(font-size="12" fill="#52606d">{}</text>)"
            "\n",
            x, kBarTop + kBarHeight, x, kBarTop + kBarHeight + 19, anchor, hex(map_->base + offset));
    }
  }

  void draw_rows() {
    double y = kRowsTop;
    print(R"(<text x="{:g}" y="{:g}" fill="#52606d" font-size="12">address</text>)"
          R"(<text x="200" y="{:g}" fill="#52606d" font-size="12">flags</text>)"
          R"(<text x="270" y="{:g}" fill="#52606d" font-size="12">in memory</text>)"
          R"(<text x="400" y="{:g}" fill="#52606d" font-size="12">zeros</text>)"
          R"(<text x="530" y="{:g}" fill="#52606d" font-size="12">what</text>)"
          "\n",
          kLeft + 22, y - 20, y - 20, y - 20, y - 20, y - 20);
    for (const auto& region : std::span{map_->regions}.first(std::min(map_->regions.size(), kMaxRows))) {
      const auto paint = paint_of(region.flags);
      draw_row(y, region, paint.fill, fmt::format("{} (segment {})", paint.kind, region.segment));
      y += kRowHeight;
    }
    if (map_->tls) draw_row(y, *map_->tls, "#7a4fa3", "TLS template");
  }

  void draw_row(double y, const MapRegion& region, std::string_view fill, std::string_view what) {
    const auto zeros = region.size - region.file_size;
    print(R"(<rect x="{:g}" y="{:g}" width="13" height="13" rx="2" fill="{}"/>)"
          R"(<text x="{:g}" y="{:g}">{}</text><text x="200" y="{:g}">{}</text>)"
          R"(<text x="270" y="{:g}">{}</text><text x="400" y="{:g}">{}</text><text x="530" y="{:g}">{}</text>)"
          "\n",
          kLeft, y - 11, fill, kLeft + 22, y, hex(map_->base + region.offset), y, flags_text(region.flags), y,
          human_size(region.size), y, zeros == 0 ? "–" : human_size(zeros), y, what);
  }

  const Report& report_;
  const Sink& sink_;
  std::optional<MemoryMap> map_;
  std::string text_;  // the text of the current element
};

}  // namespace

void print_svg(const Report& report, const Sink& sink) {
  Drawing{report, sink}.draw();
}

}  // namespace hermitage::inspect
