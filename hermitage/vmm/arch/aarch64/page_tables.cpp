#include "hermitage/vmm/arch/aarch64/page_tables.hpp"

#include "hermitage/vmm/arch/aarch64/memory_layout.hpp"

namespace hermitage::vmm::aarch64 {
namespace {

// Descriptors: Arm Architecture Reference Manual, D8.3.
constexpr std::uint64_t kValid = 1 << 0;
constexpr std::uint64_t kTableOrPage = 1 << 1;  // not a block; in the last level, a page
constexpr std::uint64_t kReadOnly = 1 << 7;
constexpr std::uint64_t kInnerShareable = 3 << 8;
constexpr std::uint64_t kAccessed = 1 << 10;
constexpr std::uint64_t kNoExecute = std::uint64_t{1} << 53;       // at EL1
constexpr std::uint64_t kSelfReference = std::uint64_t{1} << 55;   // for software
constexpr std::uint64_t kTableNoExecute = std::uint64_t{1} << 59;  // for all pages below
constexpr std::uint64_t kTableReadOnly = std::uint64_t{1} << 62;   // for all pages below
constexpr std::uint64_t kAddressMask = 0x0000'ffff'ffff'f000;

// The index in MAIR_EL1: see vcpu_state.hpp.
constexpr std::uint64_t kDeviceMemory = 0 << 2;
constexpr std::uint64_t kNormalMemory = 4 << 2;
constexpr std::uint64_t kTable = kValid | kTableOrPage | kNormalMemory | kInnerShareable | kAccessed;

constexpr unsigned kPageBits = 12;
constexpr unsigned kIndexBits = 9;
constexpr std::uint64_t kIndexMask = (1 << kIndexBits) - 1;
constexpr int kLastLevel = 3;
constexpr unsigned kAddressBits = 48;
constexpr std::uint64_t kSelfIndex = kIndexMask;

constexpr auto shift_of(int level) -> unsigned {
  return kPageBits + kIndexBits * static_cast<unsigned>(kLastLevel - level);
}

constexpr auto entry_address(GuestAddress table, std::uint64_t address, int level) -> GuestAddress {
  return table + (address >> shift_of(level) & kIndexMask) * sizeof(std::uint64_t);
}

// Whether an entry maps memory, and does not point to another table. The levels 1 and 2 can have blocks.
constexpr auto is_mapping(std::uint64_t entry, int level) -> bool {
  return level == kLastLevel || (level > 0 && (entry & kTableOrPage) == 0);
}

// In the last level, the bit of a block is reserved. So is a block in level 0.
constexpr auto is_present(std::uint64_t entry, int level) -> bool {
  const bool needs_bit = level == kLastLevel || level == 0;
  return (entry & kValid) != 0 && (!needs_bit || (entry & kTableOrPage) != 0);
}

// Permissions that the tables above a page remove.
struct Limits {
  bool is_read_only = false;
  bool is_not_executable = false;
};

class TableWalker {
 public:
  TableWalker(const GuestMemory& memory, PagingState paging, std::uint64_t max_tables, RangeVisitor& visitor)
      : memory_{memory}, paging_{paging}, left_{max_tables}, visitor_{visitor} {}

  // Visits the table at this address, whose first entry maps `start`. At most four calls are nested.
  [[nodiscard]] auto walk(GuestAddress table, std::uint64_t start, int level, Limits limits) -> bool {
    if (left_ == 0) return false;
    --left_;
    for (std::uint64_t index = 0; index <= kIndexMask; ++index) {
      const auto entry = memory_.read<std::uint64_t>(table + index * sizeof(std::uint64_t));
      if (!entry) return true;  // the table is not in the memory
      if (is_present(*entry, level) && !follow(*entry, start + (index << shift_of(level)), level, limits)) return false;
    }
    return true;
  }

 private:
  [[nodiscard]] auto follow(std::uint64_t entry, std::uint64_t start, int level, Limits limits) -> bool {
    if (!is_mapping(entry, level)) {
      const GuestAddress next{entry & kAddressMask};
      limits.is_read_only |= (entry & kTableReadOnly) != 0;
      limits.is_not_executable |= (entry & kTableNoExecute) != 0;
      return next == paging_.page_map || walk(next, start, level + 1, limits);
    }
    const auto size = std::uint64_t{1} << shift_of(level);
    return visitor_.add(start, entry & kAddressMask & ~(size - 1), size,
                        !limits.is_read_only && (entry & kReadOnly) == 0,
                        !limits.is_not_executable && (entry & kNoExecute) == 0);
  }

  const GuestMemory& memory_;
  PagingState paging_;
  std::uint64_t left_;  // tables
  RangeVisitor& visitor_;
};

}  // namespace

auto TableWriter::map(GuestRange pages, MemoryKind kind) -> bool {
  const auto attributes = kind == MemoryKind::device ? kDeviceMemory : kNormalMemory;
  std::optional<GuestAddress> table;
  for (auto page = pages.start.value; page < pages.end.value; page += kPageSize) {
    const bool begins_table = (page >> kPageBits & kIndexMask) == 0;
    if (!table || begins_table) table = last_table(page);
    if (!table) return false;
    const auto entry = page | kValid | kTableOrPage | attributes | kInnerShareable | kAccessed;
    if (!memory_.write(entry_address(*table, page, kLastLevel), entry)) return false;
  }
  return true;
}

auto TableWriter::map_itself() -> bool {
  return memory_.write(page_map_ + kSelfIndex * sizeof(std::uint64_t), page_map_.value | kTable | kSelfReference)
      .has_value();
}

// The table of the last level for an address. Nothing if there is no space for a table.
auto TableWriter::last_table(std::uint64_t address) -> std::optional<GuestAddress> {
  auto table = page_map_;
  for (int level = 0; level < kLastLevel; ++level) {
    const auto place = entry_address(table, address, level);
    const auto entry = memory_.read<std::uint64_t>(place);
    if (!entry) return std::nullopt;
    if ((*entry & kValid) != 0) {
      table = {*entry & kAddressMask};
      continue;
    }
    if (next_table_ >= tables_end_) return std::nullopt;
    if (!memory_.write(place, next_table_.value | kTable)) return std::nullopt;
    table = next_table_;
    next_table_ = next_table_ + kPageSize;
  }
  return table;
}

auto translate(const GuestMemory& memory, PagingState paging, VirtualAddress address) noexcept
    -> std::optional<Translation> {
  if (address.value >> kAddressBits != 0) return std::nullopt;
  auto table = paging.page_map;
  for (int level = 0;; ++level) {
    const auto entry = memory.read<std::uint64_t>(entry_address(table, address.value, level));
    if (!entry || !is_present(*entry, level)) return std::nullopt;
    if (!is_mapping(*entry, level)) {
      table = {*entry & kAddressMask};
      continue;
    }
    const std::uint64_t offset_mask = (std::uint64_t{1} << shift_of(level)) - 1;
    const auto offset = address.value & offset_mask;
    return Translation{.address = {(*entry & kAddressMask & ~offset_mask) + offset}, .size = offset_mask + 1 - offset};
  }
}

auto visit_mapped(const GuestMemory& memory, PagingState paging, std::uint64_t max_tables,
                  const std::function<bool(const MappedRange&)>& visit) -> bool {
  RangeVisitor visitor{memory.range(), visit};
  TableWalker walker{memory, paging, max_tables, visitor};
  return walker.walk(paging.page_map, 0, 0, {}) && visitor.finish();
}

}  // namespace hermitage::vmm::aarch64
