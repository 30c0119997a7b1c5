// The layout of the memory of an x86_64 guest, as Uhyve's kernels expect it.
#pragma once

#include <cstdint>
#include <optional>

#include "hermitage/entry/version.hpp"
#include "hermitage/vmm/arch/memory_plan.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::x86_64 {

using vmm::MemoryLayout;

inline constexpr std::uint64_t kPageSize = 0x1000;
inline constexpr std::uint64_t kLargePageSize = 0x200000;

// The GDT is in the first page of the memory, which Uhyve's layout leaves free for it.
[[nodiscard]] constexpr auto descriptor_table(const MemoryLayout& layout) noexcept -> GuestAddress {
  return layout.memory.start;
}

// The lowest start address of the memory, and its highest end address.
//   interface 1     0 to 3 GiB: its addresses have 32 bits, and devices are above 3 GiB
//   interface 2, 3  4 GiB to 64 GiB
[[nodiscard]] auto memory_bounds(entry::UhyveInterfaceVersion interface) noexcept -> GuestRange;

// Like vmm::plan_memory(), within the bounds of the interface.
[[nodiscard]] auto plan_memory(const MemoryNeeds& needs, std::optional<std::uint64_t> random) -> Result<MemoryLayout>;

}  // namespace hermitage::vmm::x86_64
