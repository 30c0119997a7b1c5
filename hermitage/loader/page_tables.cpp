#include "hermitage/loader/page_tables.hpp"

namespace hermitage::loader {
namespace {

constexpr std::uint64_t kAbsent = 0;
constexpr std::uint64_t kPresent = 1;
constexpr std::uint64_t kAddress = 0x0000'ffff'ffff'f000;

constexpr int kLastLevel = 1;
constexpr int kRootLevel = 4;

// Of the range that one entry of a table covers.
constexpr auto entry_size(int level) noexcept -> std::uint64_t {
  return std::uint64_t{1} << (12 + 9 * (level - 1));
}

constexpr std::uint64_t kPageSize = entry_size(kLastLevel);
constexpr std::uint64_t kEnd = entry_size(kRootLevel) * 512;

auto address_of(const PageTable& table) noexcept -> std::uint64_t {
  return reinterpret_cast<std::uintptr_t>(&table);
}

}  // namespace

auto PageTables::map(GuestRange range, Access access) noexcept -> bool {
  const auto bits = format_->access(access);
  return set(*root_, kRootLevel, range,
             {.page = format_->page | bits, .block = format_->block | bits, .is_fixed = false});
}

auto PageTables::map_page(GuestAddress page, std::uint64_t entry) noexcept -> bool {
  return set(*root_, kRootLevel, {page, page + kPageSize}, {.page = entry, .block = kAbsent, .is_fixed = true});
}

auto PageTables::unmap(GuestRange range) noexcept -> bool {
  return set(*root_, kRootLevel, range, {.page = kAbsent, .block = kAbsent, .is_fixed = true});
}

auto PageTables::set(PageTable& table, int level, GuestRange range, const Change& change) noexcept -> bool {
  if (kEnd < range.end.value) return false;
  const auto size = entry_size(level);
  auto start = range.start.value & ~(kPageSize - 1);
  while (start < range.end.value) {
    auto& entry = table[start / size % table.size()];
    const auto entry_end = (start & ~(size - 1)) + size;
    const auto end = range.end.value < entry_end ? range.end.value : entry_end;
    const bool is_whole = end - start == size;
    const bool is_block = level > kLastLevel && level <= static_cast<int>(largest_) && !format_->is_table(entry);
    if (level == kLastLevel) {
      entry = change.is_fixed ? change.page : start | change.page;
    } else if (is_whole && change.page == kAbsent) {
      entry = kAbsent;
    } else if (is_whole && is_block && !change.is_fixed) {
      entry = start | change.block;
    } else {
      auto* const below = table_below(entry, level);
      if (below == nullptr || !set(*below, level - 1, {{start}, {end}}, change)) return false;
    }
    start = end;
  }
  return true;
}

auto PageTables::table_below(std::uint64_t& entry, int level) noexcept -> PageTable* {
  if (format_->is_table(entry)) return reinterpret_cast<PageTable*>(entry & kAddress);
  const auto room = arena_->allocate(kPageTableSize, kPageTableSize);
  if (room.empty()) return nullptr;
  auto* const table = reinterpret_cast<PageTable*>(room.data());
  const bool is_present = (entry & kPresent) != 0;
  const auto step = is_present ? entry_size(level - 1) : 0;
  auto value = entry;
  if (is_present && level - 1 == kLastLevel) value = (entry & ~format_->kind) | (format_->page & format_->kind);
  for (auto& below : *table) {
    below = value;
    value += step;
  }
  // What a table allows is what it and its entries allow.
  entry = address_of(*table) | format_->table;
  return table;
}

}  // namespace hermitage::loader
