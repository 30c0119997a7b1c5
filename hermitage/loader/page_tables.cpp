#include "hermitage/loader/page_tables.hpp"

namespace hermitage::loader {
namespace {

constexpr std::uint64_t kAbsent = 0;
constexpr std::uint64_t kPresent = 1;
constexpr std::uint64_t kAddress = 0x0000'ffff'ffff'f000;

constexpr int kLastLevel = 1;
constexpr int kRootLevel = 4;

// The size of the range of one table entry.
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
  if (kEnd < range.end.value) return false;
  const auto bits = format_->access(access);
  return set(*root_, kRootLevel, range,
             {.page = format_->page | bits, .block = format_->block | bits, .is_fixed = false});
}

auto PageTables::map_page(GuestAddress page, std::uint64_t entry) noexcept -> bool {
  return set(*root_, kRootLevel, {page, page + kPageSize}, {.page = entry, .block = kAbsent, .is_fixed = true});
}

auto PageTables::unmap(GuestRange range) noexcept -> bool {
  if (kEnd < range.end.value) return false;
  return set(*root_, kRootLevel, range, {.page = kAbsent, .block = kAbsent, .is_fixed = true});
}

auto PageTables::set(PageTable& table, int level, GuestRange range, const Change& change) noexcept -> bool {
  const auto size = entry_size(level);
  const auto range_end = (range.end.value + kPageSize - 1) & ~(kPageSize - 1);
  const bool is_last = level == kLastLevel;
  const bool can_be_block = !is_last && level <= static_cast<int>(largest_) && !change.is_fixed;
  const bool can_be_set = is_last || can_be_block || change.page == kAbsent;
  auto start = range.start.value & ~(kPageSize - 1);
  auto* entry = &table[start / size % table.size()];
  auto value = is_last ? change.page : change.block;
  if (!change.is_fixed) value |= start & ~(size - 1);
  const auto step = change.is_fixed ? 0 : size;
  while (start < range_end) {
    const bool is_whole = (start & (size - 1)) == 0 && range_end - start >= size;
    if (can_be_set && is_whole && (!can_be_block || !format_->is_table(*entry))) {
      *entry = value;
      start += size;
    } else {
      const auto entry_end = (start & ~(size - 1)) + size;
      const auto end = range_end < entry_end ? range_end : entry_end;
      auto* const below = table_below(*entry, level);
      if (below == nullptr || !set(*below, level - 1, {{start}, {end}}, change)) return false;
      start = end;
    }
    value += step;
    ++entry;
  }
  return true;
}

auto PageTables::table_below(std::uint64_t& entry, int level) noexcept -> PageTable* {
  // An entry is a number, although it contains an address.
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
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
  // The permissions in force are those that a table's entry and the entries in it have in common.
  entry = address_of(*table) | format_->table;
  return table;
}

}  // namespace hermitage::loader
