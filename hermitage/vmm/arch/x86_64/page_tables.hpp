// Writes the page tables with which a guest is entered, and walks the page tables that the guest has made.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "hermitage/vmm/arch/mapped_range.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::x86_64 {

using vmm::MappedRange;
using vmm::Translation;
using vmm::VirtualAddress;

// How a vCPU translates addresses now.
struct PagingState {
  GuestAddress page_map;  // CR3 without its flags
  int levels = 4;         // 5 with CR4.LA57
};

// Maps [mapped.start, mapped.end), widened to 2 MiB, one to one, writable and executable. The PML4 is at `page_map`,
// and the other tables start at tables.start. Entry 511 of the PML4 points to the PML4, as Hermit expects.
// Precondition: the memory there is zero. Fails with configuration if the tables do not fit.
[[nodiscard]] auto write_identity_map(const GuestMemory& memory, GuestAddress page_map, GuestRange tables,
                                      GuestRange mapped) -> Result<void>;

// Walks the guest's tables for pages of 4 KiB, 2 MiB and 1 GiB. The tables are untrusted: there are at most five reads,
// each through the gate of the memory. Returns nothing if the address is not canonical, the page is not present, or a
// table is outside the memory. Does not check permissions: the kernel makes the request, and all of the memory belongs
// to it.
[[nodiscard]] auto translate(const GuestMemory& memory, PagingState paging, VirtualAddress address) noexcept
    -> std::optional<Translation>;

// Calls visit(range) for all mapped ranges in ascending order, each as large as possible, until it returns false. Skips
// what is mapped outside of the guest memory, and entries that lead back to the PML4, as Hermit has one. The tables are
// untrusted: reads at most `max_tables` of them, of 4 KiB each. Returns false if there are more.
[[nodiscard]] auto visit_mapped(const GuestMemory& memory, PagingState paging, std::uint64_t max_tables,
                                const std::function<bool(const MappedRange&)>& visit) -> bool;

}  // namespace hermitage::vmm::x86_64
