#include "hermitage/loader/arch/x86_64/page_tables.hpp"

namespace hermitage::loader::x86_64 {
namespace {

constexpr std::uint64_t kAbsent = 0;
constexpr std::uint64_t kPresent = 1 << 0;
constexpr std::uint64_t kWritable = 1 << 1;
constexpr std::uint64_t kLarge = 1 << 7;
constexpr std::uint64_t kNoExecute = std::uint64_t{1} << 63;
constexpr std::uint64_t kAddress = 0x000f'ffff'ffff'f000;

constexpr int kLowestLevel = 1;
constexpr int kLevel2Mib = 2;
constexpr int kLevel1Gib = 3;
constexpr int kRootLevel = 4;

// Of the range that one entry of a table covers.
constexpr auto entry_size(int level) noexcept -> std::uint64_t {
  return std::uint64_t{1} << (12 + 9 * (level - 1));
}

constexpr auto flags(Access access) noexcept -> std::uint64_t {
  return kPresent | (access.write ? kWritable : 0) | (access.execute ? 0 : kNoExecute);
}

constexpr std::uint64_t kEnd = entry_size(kRootLevel) * 512;

auto address_of(const PageTable& table) noexcept -> std::uint64_t {
  return reinterpret_cast<std::uintptr_t>(&table);
}

}  // namespace

auto PageTables::map(GuestRange range, Access access) noexcept -> bool {
  return set(*root_, kRootLevel, range, flags(access));
}

auto PageTables::unmap(GuestRange range) noexcept -> bool {
  return set(*root_, kRootLevel, range, kAbsent);
}

void PageTables::map_recursively() noexcept {
  root_->back() = address_of(*root_) | kPresent | kWritable;
}

auto PageTables::set(PageTable& table, int level, GuestRange range, std::uint64_t flags) noexcept -> bool {
  if (kEnd < range.end.value) return false;
  const auto size = entry_size(level);
  auto start = range.start.value & ~(entry_size(kLowestLevel) - 1);
  while (start < range.end.value) {
    auto& entry = table[start / size % table.size()];
    const auto entry_end = (start & ~(size - 1)) + size;
    const auto end = range.end.value < entry_end ? range.end.value : entry_end;
    const bool is_whole = end - start == size || level == kLowestLevel;
    const bool can_be_large = level == kLevel2Mib || (level == kLevel1Gib && has_pages_of_1_gib_);
    const bool is_table = (entry & kPresent) != 0 && (entry & kLarge) == 0;
    if (is_whole && flags == kAbsent) {
      entry = kAbsent;
    } else if (level == kLowestLevel) {
      entry = start | flags;
    } else if (is_whole && can_be_large && !is_table) {
      entry = start | kLarge | flags;
    } else {
      auto* const below = table_below(entry, level);
      if (below == nullptr || !set(*below, level - 1, {{start}, {end}}, flags)) return false;
    }
    start = end;
  }
  return true;
}

auto PageTables::table_below(std::uint64_t& entry, int level) noexcept -> PageTable* {
  const bool is_present = (entry & kPresent) != 0;
  if (is_present && (entry & kLarge) == 0) return reinterpret_cast<PageTable*>(entry & kAddress);
  const auto room = arena_->allocate(kPageTableSize, kPageTableSize);
  if (room.empty()) return nullptr;
  auto* const table = reinterpret_cast<PageTable*>(room.data());
  const auto size = entry_size(level - 1);
  const auto large = level - 1 == kLowestLevel ? 0 : kLarge;
  const auto first = is_present ? (entry & ~kLarge) | large : 0;
  for (std::size_t i = 0; i < table->size(); ++i) (*table)[i] = is_present ? first + i * size : 0;
  // What a table allows is what it and its entries allow.
  entry = address_of(*table) | kPresent | kWritable;
  return table;
}

}  // namespace hermitage::loader::x86_64
