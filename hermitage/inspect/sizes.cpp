#include "hermitage/inspect/sizes.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <ranges>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "hermitage/entry/elf_file.hpp"
#include "hermitage/inspect/budget.hpp"
#include "hermitage/inspect/line_table.hpp"
#include "hermitage/inspect/names.hpp"
#include "hermitage/inspect/quantities.hpp"
#include "hermitage/inspect/ranges.hpp"
#include "hermitage/inspect/symbol_origin.hpp"

namespace hermitage::inspect {
namespace {

using entry::ElfFile;
namespace elf = entry::elf;

constexpr std::array<std::pair<SizesBy, std::string_view>, 4> kNames{{{SizesBy::crate, "crate"},
                                                                      {SizesBy::function, "function"},
                                                                      {SizesBy::file, "file"},
                                                                      {SizesBy::segment, "segment"}}};

// STT_…: the types of symbols with bytes. Sections, files and the types of an operating system or a processor have
// none.
constexpr std::uint8_t kTypeNone = 0;
constexpr std::uint8_t kTypeObject = 1;
constexpr std::uint8_t kTypeFunction = 2;
constexpr std::uint8_t kTypeFile = 4;
constexpr std::uint8_t kTypeCommon = 5;
constexpr std::uint8_t kTypeTls = 6;
constexpr std::uint8_t kTypeIndirectFunction = 10;

constexpr std::uint8_t kBindLocal = 0;
constexpr std::uint16_t kSectionAbsolute = 0xfff1;  // SHN_ABS
constexpr std::uint64_t kSectionAllocated = 2;      // SHF_ALLOC
constexpr std::uint64_t kSectionTls = 0x400;        // SHF_TLS

auto end_of(std::uint64_t begin, std::uint64_t size) -> std::uint64_t {
  return entry::checked_add(begin, size).value_or(UINT64_MAX);
}

auto bytes_of(const Region& region) -> ByteCount {
  return region.is_zero ? ByteCount{.file = 0, .zero = region.size()} : ByteCount{.file = region.size(), .zero = 0};
}

void add_bytes(ByteCount& count, const ByteCount& more) {
  count.file += more.file;
  count.zero += more.zero;
}

// The bytes of PT_LOAD segments in memory, in ascending order. Of overlapping segments, the one that begins first
// gets the bytes.
auto regions_of(const ElfFile& file) -> std::vector<Region> {
  std::vector<std::pair<elf::Segment, std::uint32_t>> segments;
  std::uint32_t index = 0;
  for (const auto segment : file.segments()) {
    if (segment.type == elf::kSegmentLoad) segments.emplace_back(segment, index);
    ++index;
  }
  std::ranges::stable_sort(segments, {}, [](const auto& entry) { return entry.first.vaddr; });
  std::vector<Region> regions;
  std::uint64_t done = 0;
  for (const auto& [segment, number] : segments) {
    const auto end = end_of(segment.vaddr, segment.memsz);
    const auto in_file = std::min<std::uint64_t>(file.segment_bytes(segment).size(), segment.memsz);
    const auto file_end = end_of(segment.vaddr, in_file);
    const auto add = [&, index_of_segment = number](std::uint64_t begin, std::uint64_t region_end, bool is_zero) {
      begin = std::max(begin, done);
      if (begin >= region_end) return;
      regions.push_back({.begin = begin,
                         .end = region_end,
                         .segment = index_of_segment,
                         .is_zero = is_zero,
                         .is_code = !is_zero && (segment.flags & elf::kFlagExecute) != 0});
      done = region_end;
    };
    add(segment.vaddr, file_end, false);
    add(file_end, end, true);
  }
  return regions;
}

auto by_size(const auto& item) {
  return std::tuple{UINT64_MAX - item.bytes.file, UINT64_MAX - item.bytes.zero, std::string_view{item.name}};
}

// Sums of bytes by name.
class Totals {
 public:
  explicit Totals(Budget& budget) : budget_{budget} {}

  void add(std::string_view name, const ByteCount& bytes) {
    auto found = parts_.find(name);
    if (found == parts_.end()) {
      constexpr std::size_t kNode = sizeof(Parts::value_type) + 4 * sizeof(void*) + sizeof(SizePart);
      const bool has_room = budget_.take(kNode + 2 * name.size());
      found = parts_.try_emplace(std::string{has_room ? name : kOthers}).first;
    }
    add_bytes(found->second, bytes);
  }

  [[nodiscard]] auto take() -> std::vector<SizePart> {
    std::vector<SizePart> parts;
    parts.reserve(parts_.size());
    for (const auto& [name, bytes] : parts_) parts.push_back({.name = name, .bytes = bytes});
    parts_.clear();
    std::ranges::sort(parts, {}, by_size<SizePart>);
    return parts;
  }

 private:
  using Parts = std::map<std::string, ByteCount, std::less<>>;

  Budget& budget_;
  Parts parts_;
};

// A piece of the loaded kernel that belongs to a symbol.
struct SymbolPiece {
  std::uint64_t size = 0;
  std::uint32_t symbol = 0;
  std::uint32_t segment = 0;
  bool is_zero = false;

  [[nodiscard]] auto bytes() const -> ByteCount {
    return is_zero ? ByteCount{.file = 0, .zero = size} : ByteCount{.file = size, .zero = 0};
  }
};

class Counter {
 public:
  Counter(const ElfFile& file, SizesBy by, std::size_t size)
      : file_{file},
        by_{by},
        claim_budget_{size},
        name_budget_{size},
        row_budget_{size},
        origins_{name_budget_},
        section_names_{text_of_section_names(file)} {}

  void count(Sizes& sizes) {
    auto regions = regions_of(file_);
    for (const auto& region : regions) add_bytes(sizes.image, bytes_of(region));
    if (by_ == SizesBy::file) regions = give_to_lines(std::move(regions));
    const auto rest = give_to_symbols(regions);
    add_symbols();
    if (by_ == SizesBy::segment) {
      for (const auto& region : rest) add(segment_name(region.segment), kNoSymbol, bytes_of(region), 0);
    } else {
      for (const auto& region : rest) add_bytes(sizes.unexplained, bytes_of(region));
      sizes.unexplained_sections = by_section(rest, true);
    }
    sizes.rows = take_rows();
    count_not_loaded(sizes);
    sizes.left_out = claim_budget_.left_out() + name_budget_.left_out() + row_budget_.left_out();
  }

 private:
  struct Row {
    explicit Row(Budget& budget) : parts{budget} {}

    ByteCount bytes = {};
    std::uint64_t symbols = 0;
    Totals parts;
  };

  static auto text_of_section_names(const ElfFile& file) -> std::string_view {
    const auto sections = file.sections();
    const auto strings = file.header().shstrndx;
    return strings < sections.size() ? file.section_bytes(sections[strings]).text() : std::string_view{};
  }

  [[nodiscard]] auto section_bytes(std::string_view wanted) -> entry::ByteView {
    for (const auto section : file_.sections()) {
      if ((section.flags & elf::kSectionCompressed) != 0 || section_names_.at(section.name) != wanted) continue;
      return file_.section_bytes(section);
    }
    return {{}, file_.endian()};
  }

  // With SizesBy::file, the line tables determine the file of code.
  auto give_to_lines(std::vector<Region> regions) -> std::vector<Region> {
    const LineSections sections{.line = section_bytes(".debug_line"),
                                .line_string = section_bytes(".debug_line_str").text(),
                                .string = section_bytes(".debug_str").text()};
    const auto tables = read_line_tables(sections, name_budget_);
    std::vector<Claim> claims;
    claims.reserve(tables.ranges.size());
    for (const auto& range : tables.ranges) {
      claims.push_back({.begin = range.begin,
                        .end = range.end,
                        .owner = range.file,
                        .rank = static_cast<std::uint32_t>(claims.size())});
    }
    const auto data = std::ranges::stable_partition(regions, &Region::is_code);
    const std::vector<Region> code{regions.begin(), data.begin()};
    auto rest = carve(code, claims, [&](const Region& piece, const Claim& claim) {
      add(tables.files[claim.owner], {}, bytes_of(piece), 0);
    });
    rest.insert(rest.end(), data.begin(), data.end());
    std::ranges::sort(rest, {}, &Region::begin);
    return rest;
  }

  // Collects the pieces of symbols, and returns the rest.
  auto give_to_symbols(const std::vector<Region>& regions) -> std::vector<Region> {
    const auto table = file_.symbols().empty() ? file_.dynamic_symbols() : file_.symbols();
    auto claims = claims_of(table.symbols());
    StringTable names{table.names().text()};
    std::uint32_t last = UINT32_MAX;
    std::uint32_t number = 0;
    return carve(regions, claims, [&](const Region& piece, const Claim& claim) {
      if (!claim_budget_.take(sizeof(SymbolPiece))) return add(kOthers, {}, bytes_of(piece), 0);
      if (claim.owner != last) {
        number = origins_.add(names.at(table.symbols()[claim.owner].name), names.at(file_name_of(table, claim.owner)));
        last = claim.owner;
      }
      pieces_.push_back({.size = piece.size(), .symbol = number, .segment = piece.segment, .is_zero = piece.is_zero});
    });
  }

  // The number of the name of the last file symbol before a local symbol, from files_. For other symbols, the number
  // of the empty name.
  [[nodiscard]] auto file_name_of(const entry::SymbolTable& table, std::uint32_t symbol) const -> std::uint32_t {
    if (table.symbols()[symbol].binding() != kBindLocal) return 0;
    const auto next = std::ranges::upper_bound(files_, symbol);
    return next == files_.begin() ? 0 : table.symbols()[*std::prev(next)].name;
  }

  auto claims_of(const entry::Table<elf::Symbol>& symbols) -> std::vector<Claim> {
    const auto tls = file_.find_segment(elf::kSegmentTls);
    std::vector<Claim> claims;
    std::uint32_t index = 0;
    for (const auto symbol : symbols.first(UINT32_MAX)) {
      const auto number = index++;
      if (symbol.type() == kTypeFile && claim_budget_.take(sizeof number)) files_.push_back(number);
      auto claim = claim_of(symbol, tls);
      if (claim.begin >= claim.end || !claim_budget_.take(sizeof(Claim))) continue;
      claim.owner = claim.rank = number;
      claims.push_back(claim);
    }
    return claims;
  }

  // An empty claim for symbols without bytes in the loaded kernel.
  static auto claim_of(const elf::Symbol& symbol, const std::optional<elf::Segment>& tls) -> Claim {
    constexpr std::array kTypes{kTypeNone, kTypeObject, kTypeFunction, kTypeCommon, kTypeIndirectFunction};
    if (symbol.is_undefined() || symbol.section == kSectionAbsolute) return {};
    const Claim claim{.begin = symbol.value, .end = end_of(symbol.value, symbol.size)};
    if (symbol.type() != kTypeTls) return std::ranges::find(kTypes, symbol.type()) != kTypes.end() ? claim : Claim{};
    // The loaded kernel contains the TLS template without its zeros.
    if (!tls || claim.begin >= tls->filesz) return {};
    return {.begin = end_of(tls->vaddr, claim.begin), .end = end_of(tls->vaddr, std::min(claim.end, tls->filesz))};
  }

  void add_symbols() {
    origins_.finish();
    std::uint32_t last = UINT32_MAX;
    for (const auto& piece : pieces_) {
      const std::uint64_t is_new = piece.symbol == last ? 0 : 1;
      last = piece.symbol;
      const auto bytes = piece.bytes();
      const auto function = origins_.function(piece.symbol);
      switch (by_) {
        case SizesBy::crate: add(origins_.crate(piece.symbol), function, bytes, is_new); break;
        case SizesBy::function: add(function, {}, bytes, is_new); break;
        case SizesBy::file: add(origins_.file(piece.symbol), {}, bytes, is_new); break;
        case SizesBy::segment: add(segment_name(piece.segment), function, bytes, is_new); break;
      }
    }
  }

  [[nodiscard]] auto segment_name(std::uint32_t segment) const -> std::string {
    return fmt::format("segment {} {}", segment, flags_text(file_.segments()[segment].flags));
  }

  void add(std::string_view name, std::string_view part, const ByteCount& bytes, std::uint64_t symbols) {
    auto found = rows_.find(name);
    if (found == rows_.end()) {
      constexpr std::size_t kNode = sizeof(Rows::value_type) + 4 * sizeof(void*) + sizeof(SizeRow);
      const bool has_room = row_budget_.take(kNode + 2 * name.size());
      found = rows_.try_emplace(std::string{has_room ? name : kOthers}, row_budget_).first;
    }
    auto& row = found->second;
    add_bytes(row.bytes, bytes);
    row.symbols += symbols;
    if (!part.empty()) row.parts.add(part, bytes);
  }

  auto take_rows() -> std::vector<SizeRow> {
    std::vector<SizeRow> rows;
    rows.reserve(rows_.size());
    for (auto& [name, row] : rows_) {
      rows.push_back({.name = name, .bytes = row.bytes, .symbols = row.symbols, .parts = row.parts.take()});
    }
    std::ranges::sort(rows, {}, by_size<SizeRow>);
    return rows;
  }

  // Sums by section, for addresses in memory or offsets in the file.
  auto by_section(const std::vector<Region>& regions, bool is_memory) -> std::vector<SizePart> {
    Totals totals{row_budget_};
    std::vector<Claim> claims;
    std::uint32_t index = 0;
    for (const auto section : file_.sections().first(UINT32_MAX)) {
      const auto number = index++;
      const bool is_allocated = (section.flags & kSectionAllocated) != 0;
      const bool has_bytes = section.type != elf::kSectionNoBits || (is_memory && (section.flags & kSectionTls) == 0);
      if (section.type == 0 || is_allocated != is_memory || !has_bytes || !claim_budget_.take(sizeof(Claim))) continue;
      const auto begin = is_memory ? section.addr : section.offset;
      claims.push_back({.begin = begin, .end = end_of(begin, section.size), .owner = number, .rank = number});
    }
    const auto rest = carve(regions, claims, [&](const Region& piece, const Claim& claim) {
      totals.add(shortened(section_names_.at(file_.sections()[claim.owner].name)), bytes_of(piece));
    });
    for (const auto& region : rest) totals.add(kNoSection, bytes_of(region));
    return totals.take();
  }

  void count_not_loaded(Sizes& sizes) {
    const std::vector<Region> whole{{.begin = 0, .end = sizes.file_size}};
    std::vector<Claim> claims;
    for (const auto segment : file_.segments()) {
      if (segment.type != elf::kSegmentLoad) continue;
      claims.push_back({.begin = segment.offset, .end = end_of(segment.offset, segment.filesz)});
    }
    const auto rest = carve(whole, claims, [](const Region&, const Claim&) {});
    for (const auto& region : rest) sizes.not_loaded += region.size();
    sizes.not_loaded_sections = by_section(rest, false);
  }

  using Rows = std::map<std::string, Row, std::less<>>;

  const ElfFile& file_;
  SizesBy by_;
  Budget claim_budget_;
  Budget name_budget_;
  Budget row_budget_;
  SymbolOrigins origins_;
  StringTable section_names_;
  std::vector<std::uint32_t> files_;  // numbers of file symbols, in ascending order
  std::vector<SymbolPiece> pieces_;
  Rows rows_;
};

}  // namespace

auto name(SizesBy by) -> std::string_view {
  return std::ranges::find(kNames, by, &std::pair<SizesBy, std::string_view>::first)->second;
}

auto parse_sizes_by(std::string_view name) -> std::optional<SizesBy> {
  const auto* const found = std::ranges::find(kNames, name, &std::pair<SizesBy, std::string_view>::second);
  return found == kNames.end() ? std::nullopt : std::optional{found->first};
}

auto make_sizes(std::string file, std::span<const std::byte> bytes, SizesBy by) -> Sizes {
  Sizes sizes;
  sizes.file = std::move(file);
  sizes.by = by;
  sizes.file_size = bytes.size();
  const auto elf = ElfFile::open(bytes);
  if (elf) Counter{*elf, by, bytes.size()}.count(sizes);
  return sizes;
}

}  // namespace hermitage::inspect
