// Common code of hypercall tests: page tables of a guest.
#pragma once

#include <cstdint>
#include <optional>

#include "hermitage/vmm/arch/x86_64/memory_layout.hpp"
#include "hermitage/vmm/arch/x86_64/page_tables.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::testing {

// Their places, starting with the PML4, as offsets from the start of the memory.
inline constexpr std::uint64_t kPageTables = 0x10000;
inline constexpr std::uint64_t kPageTablesEnd = 0x20000;

// Maps the whole memory one to one. Returns false if its tables do not fit.
[[nodiscard]] inline auto write_page_tables(const GuestMemory& memory) -> bool {
  const auto at = [&](std::uint64_t offset) { return memory.base() + offset; };
  return x86_64::write_identity_map(memory, at(kPageTables), {at(kPageTables + x86_64::kPageSize), at(kPageTablesEnd)},
                                    memory.range())
      .has_value();
}

[[nodiscard]] inline auto paging_of(const GuestMemory& memory) -> std::optional<x86_64::PagingState> {
  return x86_64::PagingState{.page_map = memory.base() + kPageTables, .levels = 4};
}

}  // namespace hermitage::vmm::testing
