// The guest's page tables: those it is entered with, and walking those it has made.
#pragma once

#include <cstdint>
#include <optional>

#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::x86_64 {

// A guest-virtual address.
struct VirtualAddress {
  std::uint64_t value = 0;
};

// How a vCPU translates addresses at the moment.
struct PagingState {
  GuestAddress page_map;  // CR3 without its flags
  int levels = 4;         // 5 with CR4.LA57
};

// Maps [mapped.start, mapped.end), widened to 2 MiB, one to one, writable and executable, with the PML4 at `page_map`
// and the other tables from tables.start on; entry 511 of the PML4 points to the PML4, as Hermit wants it. The memory
// there must be zero. Fails with configuration when the tables have no room.
[[nodiscard]] auto write_identity_map(const GuestMemory& memory, GuestAddress page_map, GuestRange tables,
                                      GuestRange mapped) -> Result<void>;

// Where a virtual address lies, and how many bytes from there on lie in the same page.
struct Translation {
  GuestAddress address;
  std::uint64_t size = 0;  // at least 1
};

// Walks the guest's tables, pages of 4 KiB, 2 MiB and 1 GiB, whatever they are: at most five reads, each through the
// memory's gate. Nothing when the page is not present or a table lies outside of the memory. Permissions are not looked
// at: the kernel asks, and all of its memory is its own.
[[nodiscard]] auto translate(const GuestMemory& memory, PagingState paging, VirtualAddress address) noexcept
    -> std::optional<Translation>;

}  // namespace hermitage::vmm::x86_64
