#include "hermitage/inspect/sizes_text.hpp"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "hermitage/inspect/page.hpp"
#include "hermitage/inspect/quantities.hpp"

namespace hermitage::inspect {
namespace {

// The number of rows of a brief table.
constexpr std::size_t kBriefRows = 24;
constexpr std::size_t kBriefSections = 8;
constexpr std::size_t kBriefName = 100;  // characters

class SizesTable {
 public:
  SizesTable(const Sizes& sizes, Extent extent, Page& page)
      : sizes_{sizes}, is_brief_{extent == Extent::brief}, page_{page} {}

  void print() {
    page_.heading(fmt::format("Sizes by {}: {} from the file, {} of zeros", inspect::name(sizes_.by),
                              human_size(sizes_.image.file), human_size(sizes_.image.zero)));
    page_.print("  {:>14} {:>6} {:>16} {:>9}  {}\n", "in file", "%", "zeros", "symbols", inspect::name(sizes_.by));
    const auto shown = std::min(is_brief_ ? kBriefRows : SIZE_MAX, sizes_.rows.size());
    for (const auto& row : std::span{sizes_.rows}.first(shown)) print_row(row.bytes, grouped(row.symbols), row.name);
    print_others(sizes_.rows, shown);
    if (sizes_.by != SizesBy::segment) print_row(sizes_.unexplained, "", kNoSymbol);
    print_row(sizes_.image, "", "in all");
    print_unexplained();
    print_not_loaded();
    if (sizes_.left_out != 0) {
      page_.print("\n{} names, symbols and pieces of line tables are left out: they would take too much memory\n",
                  grouped(sizes_.left_out));
    }
  }

 private:
  [[nodiscard]] auto percent(std::uint64_t bytes) const -> std::string {
    if (sizes_.image.file == 0) return {};
    return fmt::format("{:.1f}", 100 * static_cast<double>(bytes) / static_cast<double>(sizes_.image.file));
  }

  void print_row(const ByteCount& bytes, std::string_view symbols, std::string_view name) {
    page_.print("  {:>14} {:>6} {:>16} {:>9}  {}\n", grouped(bytes.file), percent(bytes.file), grouped(bytes.zero),
                symbols, is_brief_ ? cut_printable(name, kBriefName) : printable(name));
  }

  // Prints one row for all omitted items.
  template <class Item>
  void print_others(const std::vector<Item>& items, std::size_t shown) {
    if (shown == items.size()) return;
    ByteCount bytes;
    for (const auto& item : std::span{items}.subspan(shown)) {
      bytes.file += item.bytes.file;
      bytes.zero += item.bytes.zero;
    }
    print_row(bytes, "", fmt::format("… and {} more: see --all", grouped(items.size() - shown)));
  }

  void print_sections(const std::vector<SizePart>& sections) {
    const auto shown = std::min(is_brief_ ? kBriefSections : SIZE_MAX, sections.size());
    for (const auto& part : std::span{sections}.first(shown)) print_row(part.bytes, "", part.name);
    print_others(sections, shown);
  }

  void print_unexplained() {
    if (sizes_.unexplained_sections.empty()) return;
    page_.heading("No symbol, by section");
    print_sections(sizes_.unexplained_sections);
  }

  void print_not_loaded() {
    if (sizes_.not_loaded == 0) return;
    page_.heading(
        fmt::format("Not loaded: {} of {}, by section", human_size(sizes_.not_loaded), human_size(sizes_.file_size)));
    const auto shown = std::min(is_brief_ ? kBriefSections : SIZE_MAX, sizes_.not_loaded_sections.size());
    std::uint64_t others = 0;
    for (const auto& part : std::span{sizes_.not_loaded_sections}.subspan(shown)) others += part.bytes.file;
    for (const auto& part : std::span{sizes_.not_loaded_sections}.first(shown)) {
      page_.print("  {:>14}  {}\n", grouped(part.bytes.file),
                  is_brief_ ? cut_printable(part.name, kBriefName) : printable(part.name));
    }
    if (others == 0) return;
    page_.print("  {:>14}  … and {} more: see --all\n", grouped(others),
                grouped(sizes_.not_loaded_sections.size() - shown));
  }

  const Sizes& sizes_;
  bool is_brief_;
  Page& page_;
};

}  // namespace

void print_sizes(const Sizes& sizes, const Display& display, Extent extent, const Sink& sink) {
  Page page{display, sink};
  SizesTable{sizes, extent, page}.print();
}

}  // namespace hermitage::inspect
