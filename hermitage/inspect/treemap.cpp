#include "hermitage/inspect/treemap.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "hermitage/inspect/page.hpp"
#include "hermitage/inspect/quantities.hpp"

namespace hermitage::inspect {
namespace {

constexpr double kWidth = 860;
constexpr double kHeight = 720;
constexpr double kMargin = 24;
constexpr double kTop = 72;
constexpr double kGroupTitle = 16;  // height of the line with a group's name
constexpr double kSmallestArea = 60;
constexpr double kCharacter = 6.7;  // width of a character with kFontSize
constexpr int kFontSize = 11;
constexpr std::size_t kLongestTitle = 300;  // characters
constexpr std::size_t kColours = 10;

// Light and dark fill colours of the groups, from the largest group on, then those for bytes without a symbol.
struct Colours {
  std::string_view light;
  std::string_view dark;
};
constexpr std::array<Colours, kColours + 1> kPalette{{{"#9cc7e6", "#1f5780"},
                                                      {"#f2c18d", "#80501a"},
                                                      {"#a8d3a4", "#2f6b36"},
                                                      {"#d9b3e0", "#6b3a78"},
                                                      {"#f0a8a0", "#853a33"},
                                                      {"#9fdcd5", "#1d6962"},
                                                      {"#e6d98a", "#6b6018"},
                                                      {"#b9bdf0", "#43488c"},
                                                      {"#e9b1cc", "#7d3a5a"},
                                                      {"#c4d88f", "#52681c"},
                                                      {"#d5dbe1", "#3e4c59"}}};
constexpr std::size_t kGrey = kColours;

// The worst aspect ratio in a row of rectangles along `side`, from the largest and the smallest area.
auto worst_ratio(double sum, double largest, double smallest, double side) -> double {
  const auto square = side * side;
  return std::max(square * largest / (sum * sum), sum * sum / (square * smallest));
}

// Places rectangles with these areas next to each other along the shorter side of `rest`, and removes their space
// from it.
void lay_row(std::span<const double> areas, double sum, Rectangle& rest, std::vector<Rectangle>& out) {
  const bool is_column = rest.width >= rest.height;
  const auto side = is_column ? rest.height : rest.width;
  const auto depth = side > 0 ? sum / side : 0;
  double at = 0;
  for (const auto area : areas) {
    const auto length = depth > 0 ? area / depth : 0;
    out.push_back(is_column ? Rectangle{rest.x, rest.y + at, depth, length}
                            : Rectangle{rest.x + at, rest.y, length, depth});
    at += length;
  }
  if (is_column) {
    rest.x += depth;
    rest.width = std::max(0.0, rest.width - depth);
  } else {
    rest.y += depth;
    rest.height = std::max(0.0, rest.height - depth);
  }
}

// The item that a rectangle represents.
struct Tile {
  std::string_view name = {};
  std::uint64_t bytes = 0;
  std::size_t colour = 0;
  const std::vector<SizePart>* parts = nullptr;
  std::size_t merged = 0;  // number of merged items; a merged tile has no name
};

class Picture {
 public:
  Picture(const Sizes& sizes, const Sink& sink) : sizes_{sizes}, sink_{sink} {}

  void draw() {
    print(R"(<svg xmlns="http://www.w3.org/2000/svg" width="{0:g}" height="{1:g}" viewBox="0 0 {0:g} {1:g}" )"
          R"(role="img" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, monospace" font-size="{2}" class="ink">)"
          "\n",
          kWidth, kHeight, kFontSize);
    const auto name = escape_xml(cut_printable(sizes_.file.substr(sizes_.file.rfind('/') + 1), 70));
    const auto facts = facts_of_sizes();
    print("<title>Sizes of {}</title>\n<desc>{}</desc>\n", name, facts);
    draw_style();
    print(R"(<rect x="0.5" y="0.5" width="{:g}" height="{:g}" rx="8" class="paper"/>)"
          "\n",
          kWidth - 1, kHeight - 1);
    draw_title(name, facts);
    if (sizes_.image.file != 0) {
      draw_tiles(tiles_of_rows(), {kMargin, kTop, kWidth - 2 * kMargin, kHeight - kTop - kMargin}, {});
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

  void draw_style() {
    std::string light, dark;
    for (std::size_t i = 0; i < kPalette.size(); ++i) {
      light += fmt::format(".c{}{{fill:{}}}", i, kPalette[i].light);
      dark += fmt::format(".c{}{{fill:{}}}", i, kPalette[i].dark);
    }
    print(
        "<style>.ink{{fill:#1f2933}}.faint{{fill:#52606d}}.paper{{fill:#ffffff;stroke:#d5dbe1}}"
        ".tile{{stroke:#ffffff}}{}@media (prefers-color-scheme: dark){{.ink{{fill:#f5f7fa}}.faint{{fill:#cbd2d9}}"
        ".paper{{fill:#1f2933;stroke:#3e4c59}}.tile{{stroke:#1f2933}}{}}}</style>\n",
        light, dark);
  }

  [[nodiscard]] auto facts_of_sizes() const -> std::string {
    auto facts = fmt::format("by {} · {} from the file", inspect::name(sizes_.by), human_size(sizes_.image.file));
    if (sizes_.image.file == 0) facts = "nothing to load";
    if (sizes_.image.zero != 0) facts += fmt::format(" · {} of zeros, not drawn", human_size(sizes_.image.zero));
    return facts;
  }

  void draw_title(std::string_view name, std::string_view facts) {
    print(R"(<text x="{:g}" y="34" font-size="18" font-weight="bold" class="ink">{}</text>)"
          "\n",
          kMargin, name);
    print(R"(<text x="{:g}" y="56" font-size="13" class="faint">{}</text>)"
          "\n",
          kMargin, facts);
  }

  [[nodiscard]] auto tiles_of_rows() const -> std::vector<Tile> {
    std::vector<Tile> tiles;
    std::size_t colour = 0;
    for (const auto& row : sizes_.rows) {
      const auto* const parts = row.parts.empty() ? nullptr : &row.parts;
      tiles.push_back({.name = row.name, .bytes = row.bytes.file, .colour = colour++ % kColours, .parts = parts});
    }
    tiles.push_back(
        {.name = kNoSymbol, .bytes = sizes_.unexplained.file, .colour = kGrey, .parts = &sizes_.unexplained_sections});
    std::ranges::stable_sort(tiles, std::ranges::greater{}, &Tile::bytes);
    return tiles;
  }

  static auto tiles_of_parts(const Tile& tile) -> std::vector<Tile> {
    std::vector<Tile> tiles;
    for (const auto& part : *tile.parts) {
      tiles.push_back({.name = part.name, .bytes = part.bytes.file, .colour = tile.colour});
    }
    return tiles;
  }

  // Merges items that would be too small into one. It is sorted by its own size.
  static void merge_small(std::vector<Tile>& tiles, double area) {
    std::erase_if(tiles, [](const Tile& tile) { return tile.bytes == 0; });
    double total = 0;
    for (const auto& tile : tiles) total += static_cast<double>(tile.bytes);
    const auto is_large = [&](const Tile& tile) {
      return static_cast<double>(tile.bytes) / total * area >= kSmallestArea;
    };
    const auto small = std::ranges::partition_point(tiles, is_large);
    if (std::distance(small, tiles.end()) < 2) return;
    Tile others{.colour = small->colour, .merged = static_cast<std::size_t>(std::distance(small, tiles.end()))};
    for (auto tile = small; tile != tiles.end(); ++tile) others.bytes += tile->bytes;
    tiles.erase(small, tiles.end());
    tiles.insert(std::ranges::lower_bound(tiles, others.bytes, std::ranges::greater{}, &Tile::bytes), others);
  }

  // `group` is the name of the group that contains the tiles.
  void draw_tiles(std::vector<Tile> tiles, const Rectangle& whole, std::string_view group) {
    merge_small(tiles, whole.area());
    std::vector<double> bytes;
    bytes.reserve(tiles.size());
    for (const auto& tile : tiles) bytes.push_back(static_cast<double>(tile.bytes));
    const auto rectangles = squarify(bytes, whole);
    for (std::size_t i = 0; i < tiles.size(); ++i) {
      const auto& rectangle = rectangles[i];
      const bool has_room = rectangle.height > 2 * kGroupTitle && rectangle.width > 40;
      if (tiles[i].parts != nullptr && has_room) {
        draw_group(tiles[i], rectangle);
      } else {
        draw_tile(tiles[i], rectangle, group);
      }
    }
  }

  void draw_group(const Tile& tile, const Rectangle& rectangle) {
    draw_box(tile, rectangle);
    const auto size = human_size(tile.bytes);
    const auto room = characters_in(rectangle.width);
    const auto name = cut_printable(tile.name, room);
    const bool has_room = length_of(name) + 1 + size.size() <= room;
    print(R"(<text x="{:.1f}" y="{:.1f}" font-weight="bold">{}{}</text>)"
          "\n",
          rectangle.x + 4, rectangle.y + 12, escape_xml(name), has_room ? " " + size : "");
    draw_tiles(tiles_of_parts(tile),
               {rectangle.x + 1, rectangle.y + kGroupTitle, rectangle.width - 2, rectangle.height - kGroupTitle - 1},
               tile.name);
  }

  void draw_tile(const Tile& tile, const Rectangle& rectangle, std::string_view group) {
    draw_box(tile, rectangle);
    const auto room = characters_in(rectangle.width);
    if (room < 4 || rectangle.height < 15) return;
    print(R"(<text x="{:.1f}" y="{:.1f}">{}</text>)"
          "\n",
          rectangle.x + 4, rectangle.y + 12, escape_xml(fitted(short_name(tile, group), room)));
    const auto size = human_size(tile.bytes);
    if (rectangle.height < 28 || size.size() > room) return;
    print(R"(<text x="{:.1f}" y="{:.1f}" class="faint">{}</text>)"
          "\n",
          rectangle.x + 4, rectangle.y + 25, size);
  }

  // The name and the size are in a tooltip.
  void draw_box(const Tile& tile, const Rectangle& rectangle) {
    const auto share = 100 * static_cast<double>(tile.bytes) / static_cast<double>(sizes_.image.file);
    print(R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" class="tile c{}">)"
          R"(<title>{}: {} bytes, {:.1f} %</title></rect>)"
          "\n",
          rectangle.x, rectangle.y, rectangle.width, rectangle.height, tile.colour,
          escape_xml(cut_printable(whole_name(tile), kLongestTitle)), grouped(tile.bytes), share);
  }

  static auto whole_name(const Tile& tile) -> std::string {
    return tile.merged == 0 ? std::string{tile.name} : fmt::format("{} others", grouped(tile.merged));
  }

  // Removes the name of the crate, which the group's title contains.
  static auto short_name(const Tile& tile, std::string_view group) -> std::string {
    const auto name = whole_name(tile);
    const auto prefix = std::string{group} + "::";
    return !group.empty() && name.starts_with(prefix) ? name.substr(prefix.size()) : name;
  }

  // Keeps as many segments at the end of a path as fit, because they are more specific than the first. Otherwise
  // keeps the beginning of the name.
  static auto fitted(std::string_view name, std::size_t room) -> std::string {
    if (name.find_first_of("<[ ") != std::string_view::npos) return cut_printable(name, room);
    for (auto at = name.find("::"); name.size() > room && at != std::string_view::npos; at = name.find("::")) {
      name.remove_prefix(at + 2);
    }
    return cut_printable(name, room);
  }

  static auto characters_in(double width) -> std::size_t {
    return width < 8 ? 0 : static_cast<std::size_t>((width - 8) / kCharacter);
  }

  static auto length_of(std::string_view text) -> std::size_t {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
  }

  const Sizes& sizes_;
  const Sink& sink_;
  std::string text_;  // the text of the current element
};

}  // namespace

auto squarify(std::span<const double> sizes, const Rectangle& whole) -> std::vector<Rectangle> {
  double total = 0;
  for (const auto size : sizes) total += size;
  std::vector<double> areas;
  areas.reserve(sizes.size());
  for (const auto size : sizes) areas.push_back(size / total * whole.area());

  std::vector<Rectangle> rectangles;
  rectangles.reserve(areas.size());
  auto rest = whole;
  for (std::span<const double> left{areas}; !left.empty();) {
    const auto side = std::min(rest.width, rest.height);
    auto sum = left.front();
    std::size_t count = 1;
    auto ratio = worst_ratio(sum, left.front(), left.front(), side);
    for (; count < left.size(); ++count) {
      const auto next = worst_ratio(sum + left[count], left.front(), left[count], side);
      if (next > ratio) break;
      ratio = next;
      sum += left[count];
    }
    lay_row(left.first(count), sum, rest, rectangles);
    left = left.subspan(count);
  }
  return rectangles;
}

void print_treemap(const Sizes& sizes, const Sink& sink) {
  Picture{sizes, sink}.draw();
}

}  // namespace hermitage::inspect
