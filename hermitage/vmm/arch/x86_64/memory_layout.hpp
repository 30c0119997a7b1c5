// Where everything lies in the memory of an x86_64 guest: what Uhyve's kernels expect.
#pragma once

#include <cstdint>
#include <optional>

#include "hermitage/entry/version.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::x86_64 {

inline constexpr std::uint64_t kPageSize = 0x1000;
inline constexpr std::uint64_t kLargePageSize = 0x200000;
inline constexpr std::uint64_t kDeviceTreeSize = 4 * kPageSize;  // at most
inline constexpr std::uint64_t kBootStackSize = 0x8000;

// The first four are offsets of Uhyve's own layout from the beginning of the memory.
struct MemoryLayout {
  GuestRange memory;
  GuestAddress descriptor_table;  // the GDT
  GuestAddress device_tree;
  GuestAddress boot_info;
  GuestAddress page_map;    // the PML4
  GuestRange page_tables;   // room for those below it
  GuestAddress boot_stack;  // its lowest address, as the kernel wants to be told; it ends where the kernel begins
  GuestRange kernel;        // [start, start + mem_size)
};

// What of a kernel decides where it is placed.
struct Placement {
  entry::UhyveInterfaceVersion interface;
  std::uint64_t kernel_size = 0;             // bytes
  std::optional<GuestAddress> kernel_start;  // nothing for a relocatable kernel
  std::uint64_t memory_size = 0;             // bytes, a multiple of kLargePageSize
};

// The lowest address of the memory, and the highest that it may end at.
//   interface 1     0 to 3 GiB: it passes addresses of 32 bits, and above 3 GiB lie the devices
//   interface 2, 3  4 GiB to 64 GiB
[[nodiscard]] auto memory_bounds(entry::UhyveInterfaceVersion interface) noexcept -> GuestRange;

// Places the memory at `random` (any number; modulo what there is) of the places that there are for a relocatable
// kernel, at the lowest without it. Fails with configuration when the memory or the kernel does not fit, and with
// image when a fixed kernel lies where it cannot.
[[nodiscard]] auto plan_memory(const Placement& placement, std::optional<std::uint64_t> random) -> Result<MemoryLayout>;

}  // namespace hermitage::vmm::x86_64
