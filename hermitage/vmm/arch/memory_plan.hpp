// The layout of the guest memory, as Uhyve's kernels expect it on each architecture.
#pragma once

#include <cstdint>
#include <optional>

#include "hermitage/entry/version.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm {

inline constexpr std::uint64_t kPlaceSize = 0x200000;     // the memory starts at a multiple of this
inline constexpr std::uint64_t kDeviceTreeSize = 0x4000;  // at most
inline constexpr std::uint64_t kBootStackSize = 0x8000;

// The first three addresses have the offsets of Uhyve's layout from the start of the memory.
struct MemoryLayout {
  GuestRange memory;
  GuestAddress device_tree;
  GuestAddress boot_info;
  GuestAddress page_map;    // the first table: the PML4 of x86_64, the table of level 0 of aarch64
  GuestRange page_tables;   // space for the tables below it
  GuestAddress boot_stack;  // its lowest address, as the kernel expects it; the stack ends at the start of the kernel
  GuestRange kernel;        // [start, start + mem_size)
};

// The properties of a kernel and its options that determine the layout.
struct MemoryNeeds {
  entry::UhyveInterfaceVersion interface;
  std::uint64_t kernel_size = 0;             // bytes
  std::optional<GuestAddress> kernel_start;  // none for a relocatable kernel
  std::uint64_t memory_size = 0;             // bytes, a multiple of kPlaceSize
};

// Plans the memory within `bounds`: its lowest start address, and its highest end address. For a relocatable kernel,
// selects the place with number `random` (modulo the number of places), or the lowest place without `random`. Fails
// with configuration if the memory or the kernel does not fit, and with image if a fixed kernel is at an invalid
// address.
[[nodiscard]] auto plan_memory(const MemoryNeeds& needs, GuestRange bounds, std::optional<std::uint64_t> random)
    -> Result<MemoryLayout>;

}  // namespace hermitage::vmm
