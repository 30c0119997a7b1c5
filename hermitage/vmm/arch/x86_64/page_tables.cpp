#include "hermitage/vmm/arch/x86_64/page_tables.hpp"

#include <algorithm>

#include "hermitage/vmm/arch/x86_64/memory_layout.hpp"

namespace hermitage::vmm::x86_64 {
namespace {

// Page table entries (AMD64 Architecture Programmer's Manual, volume 2, 5.3).
constexpr std::uint64_t kPresent = 1 << 0;
constexpr std::uint64_t kWritable = 1 << 1;
constexpr std::uint64_t kLargePage = 1 << 7;
constexpr std::uint64_t kAddressMask = 0x000f'ffff'ffff'f000;
constexpr std::uint64_t kRecursiveEntry = 511;
constexpr unsigned kPageBits = 12;
constexpr unsigned kIndexBits = 9;
constexpr std::uint64_t kIndexMask = (1 << kIndexBits) - 1;

// Level 1 is the tables of 4 KiB pages, and level 4 is the PML4.
constexpr auto shift_of(int level) -> unsigned {
  return kPageBits + kIndexBits * static_cast<unsigned>(level - 1);
}

constexpr auto entry_address(GuestAddress table, std::uint64_t address, int level) -> GuestAddress {
  return table + (address >> shift_of(level) & kIndexMask) * sizeof(std::uint64_t);
}

// The bits above those that the tables translate must equal the highest of these.
constexpr auto is_canonical(std::uint64_t address, int levels) -> bool {
  const auto unused_bits = 64 - shift_of(levels + 1);
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(address << unused_bits) >> unused_bits) == address;
}

class IdentityMapper {
 public:
  IdentityMapper(const GuestMemory& memory, GuestAddress page_map, GuestRange tables)
      : memory_{memory}, page_map_{page_map}, next_table_{tables.start}, tables_end_{tables.end} {}

  // Maps large pages from this one to the end of its page directory, at most up to `end`. Returns the next address, or
  // nothing if there is no space for a table.
  [[nodiscard]] auto map_some(std::uint64_t large_page, std::uint64_t end) -> std::optional<std::uint64_t> {
    const auto directory = find_directory(large_page);
    if (!directory) return std::nullopt;
    const auto directory_end = ((large_page >> shift_of(3)) + 1) << shift_of(3);
    for (; large_page < std::min(end, directory_end); large_page += kLargePageSize) {
      const auto entry = entry_address(*directory, large_page, 2);
      if (!memory_.write(entry, large_page | kPresent | kWritable | kLargePage)) return std::nullopt;
    }
    return large_page;
  }

 private:
  [[nodiscard]] auto find_directory(std::uint64_t address) -> std::optional<GuestAddress> {
    auto table = page_map_;
    for (int level = 4; level > 2; --level) {
      const auto entry = entry_address(table, address, level);
      const auto present = memory_.read<std::uint64_t>(entry);
      if (!present) return std::nullopt;
      if ((*present & kPresent) == 0) {
        if (next_table_ >= tables_end_) return std::nullopt;
        if (!memory_.write(entry, next_table_.value | kPresent | kWritable)) return std::nullopt;
        table = next_table_;
        next_table_ = next_table_ + kPageSize;
      } else {
        table = {*present & kAddressMask};
      }
    }
    return table;
  }

  const GuestMemory& memory_;
  GuestAddress page_map_;
  GuestAddress next_table_;
  GuestAddress tables_end_;
};

class TableWalker {
 public:
  TableWalker(const GuestMemory& memory, PagingState paging, std::uint64_t max_tables, RangeVisitor& visitor)
      : memory_{memory}, paging_{paging}, left_{max_tables}, visitor_{visitor} {}

  // Visits the table at this address, whose first entry maps `start`. At most five calls are nested.
  [[nodiscard]] auto walk(GuestAddress table, std::uint64_t start, int level, std::uint64_t rights) -> bool {
    if (left_ == 0) return false;
    --left_;
    for (std::uint64_t index = 0; index <= kIndexMask; ++index) {
      const auto entry = memory_.read<std::uint64_t>(table + index * sizeof(std::uint64_t));
      if (!entry) return true;  // the table is not in the memory
      if ((*entry & kPresent) == 0) continue;
      if (!follow(*entry, extended(start + (index << shift_of(level))), level, rights)) return false;
    }
    return true;
  }

  // Without execute-disable, and writable. Each level can take these rights away.
  static constexpr std::uint64_t kAllRights = kWritable;

 private:
  static constexpr std::uint64_t kNoExecute = std::uint64_t{1} << 63;

  [[nodiscard]] auto follow(std::uint64_t entry, std::uint64_t start, int level, std::uint64_t rights) -> bool {
    const auto remaining = (rights & entry & kWritable) | ((rights | entry) & kNoExecute);
    const bool is_page = level == 1 || (level <= 3 && (entry & kLargePage) != 0);
    if (!is_page) {
      const GuestAddress next{entry & kAddressMask};
      return next == paging_.page_map || walk(next, start, level - 1, remaining);
    }
    const auto size = std::uint64_t{1} << shift_of(level);
    return visitor_.add(start, entry & kAddressMask & ~(size - 1), size, (remaining & kWritable) != 0,
                        (remaining & kNoExecute) == 0);
  }

  // The bits above those that the tables translate are equal to the highest of these.
  [[nodiscard]] auto extended(std::uint64_t address) const -> std::uint64_t {
    const auto unused_bits = 64 - shift_of(paging_.levels + 1);
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(address << unused_bits) >> unused_bits);
  }

  const GuestMemory& memory_;
  PagingState paging_;
  std::uint64_t left_;  // tables
  RangeVisitor& visitor_;
};

}  // namespace

auto write_identity_map(const GuestMemory& memory, GuestAddress page_map, GuestRange tables, GuestRange mapped)
    -> Result<void> {
  IdentityMapper mapper{memory, page_map, tables};
  for (auto page = mapped.start.value & ~(kLargePageSize - 1); page < mapped.end.value;) {
    const auto next = mapper.map_some(page, mapped.end.value);
    if (!next) {
      return fail(ErrorCode::configuration,
                  "the kernel and its image need more memory than the boot page tables can map");
    }
    page = *next;
  }
  if (!memory.write(page_map + kRecursiveEntry * sizeof(std::uint64_t), page_map.value | kPresent | kWritable)) {
    return fail(ErrorCode::configuration, "the page tables are outside of the guest memory");
  }
  return {};
}

auto translate(const GuestMemory& memory, PagingState paging, VirtualAddress address) noexcept
    -> std::optional<Translation> {
  if (!is_canonical(address.value, paging.levels)) return std::nullopt;
  auto table = paging.page_map;
  for (int level = paging.levels;; --level) {
    const auto entry = memory.read<std::uint64_t>(entry_address(table, address.value, level));
    if (!entry || (*entry & kPresent) == 0) return std::nullopt;
    const bool is_page = level == 1 || (level <= 3 && (*entry & kLargePage) != 0);
    if (!is_page) {
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
  return walker.walk(paging.page_map, 0, paging.levels, TableWalker::kAllRights) && visitor.finish();
}

}  // namespace hermitage::vmm::x86_64
