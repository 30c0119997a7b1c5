// Writes the page tables with which a guest is entered, and walks the page tables that the guest has made.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "hermitage/vmm/arch/mapped_range.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::aarch64 {

using vmm::MappedRange;
using vmm::Translation;
using vmm::VirtualAddress;

// How a vCPU translates addresses now: 48 bits, by TTBR0_EL1, with pages of 4 KiB. Hermit uses no other tables.
struct PagingState {
  GuestAddress page_map;  // the table of level 0
};

// The kind of memory that a page maps.
enum class MemoryKind : std::uint8_t { normal, device };

// Writes the tables of a new guest. The table of level 0 is at `page_map`, and the other tables are in `tables`.
class TableWriter {
 public:
  // Precondition: the memory there is zero.
  TableWriter(const GuestMemory& memory, GuestAddress page_map, GuestRange tables) noexcept
      : memory_{memory}, page_map_{page_map}, next_table_{tables.start}, tables_end_{tables.end} {}

  // Maps whole pages one to one, writable and executable. Hermit walks to the last level, so there are only pages of
  // 4 KiB. Returns false if there is no space for a table.
  [[nodiscard]] auto map(GuestRange pages, MemoryKind kind) -> bool;
  // Makes the last entry of the table of level 0 point to this table, as Hermit expects.
  [[nodiscard]] auto map_itself() -> bool;

 private:
  [[nodiscard]] auto last_table(std::uint64_t address) -> std::optional<GuestAddress>;

  const GuestMemory& memory_;
  GuestAddress page_map_;
  GuestAddress next_table_;
  GuestAddress tables_end_;
};

// Walks the guest's tables for pages of 4 KiB, 2 MiB and 1 GiB. The tables are untrusted: there are at most four reads,
// each through the gate of the memory. Returns nothing if the address has more than 48 bits, the page is not present,
// or a table is outside the memory. Does not check permissions: the kernel makes the request, and all of the memory
// belongs to it.
[[nodiscard]] auto translate(const GuestMemory& memory, PagingState paging, VirtualAddress address) noexcept
    -> std::optional<Translation>;

// Calls visit(range) for all mapped ranges in ascending order, each as large as possible, until it returns false. Skips
// what is mapped outside of the guest memory, and entries that lead back to the table of level 0, as Hermit has one.
// The tables are untrusted: reads at most `max_tables` of them, of 4 KiB each. Returns false if there are more.
[[nodiscard]] auto visit_mapped(const GuestMemory& memory, PagingState paging, std::uint64_t max_tables,
                                const std::function<bool(const MappedRange&)>& visit) -> bool;

}  // namespace hermitage::vmm::aarch64
