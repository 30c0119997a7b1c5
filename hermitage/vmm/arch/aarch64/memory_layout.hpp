// The layout of the memory of an aarch64 guest, as Uhyve's kernels expect it.
#pragma once

#include <cstdint>
#include <optional>

#include "hermitage/entry/version.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::aarch64 {

inline constexpr std::uint64_t kPageSize = 0x1000;
inline constexpr std::uint64_t kPlaceSize = 0x200000;            // the memory starts at a multiple of this
inline constexpr std::uint64_t kDeviceTreeSize = 4 * kPageSize;  // at most
inline constexpr std::uint64_t kBootStackSize = 0x8000;

// Below the memory. A store of 8 bytes to a guest-physical address in these pages is a hypercall: the address is its
// number. The kernel uses the numbers as virtual addresses, which are mapped to the same physical ones.
inline constexpr GuestRange kHypercallPages{{0}, {2 * kPageSize}};

// The interrupt controller (GICv3): one distributor, and one redistributor for each vCPU.
inline constexpr GuestAddress kDistributor{0x800'0000};
inline constexpr std::uint64_t kDistributorSize = 0x1'0000;
inline constexpr GuestAddress kRedistributors{0x80a'0000};
inline constexpr std::uint64_t kRedistributorSize = 0x2'0000;  // each

// The first three addresses have the offsets of Uhyve's layout from the start of the memory.
struct MemoryLayout {
  GuestRange memory;
  GuestAddress device_tree;
  GuestAddress boot_info;
  GuestAddress page_map;    // the table of level 0
  GuestRange page_tables;   // space for the tables below it
  GuestAddress boot_stack;  // its lowest address, as the kernel expects it; the stack ends at the start of the kernel
  GuestRange kernel;        // [start, start + mem_size)
};

// The properties of a kernel that determine its place.
struct Placement {
  entry::UhyveInterfaceVersion interface;
  std::uint64_t kernel_size = 0;             // bytes
  std::optional<GuestAddress> kernel_start;  // none for a relocatable kernel
  std::uint64_t memory_size = 0;             // bytes, a multiple of kPlaceSize
};

// The lowest start address of the memory, and its highest end address.
//   interface 1     256 MiB to 4 GiB: kernels of this interface have no addresses above 4 GiB
//   interface 2, 3  4 GiB to 64 GiB
[[nodiscard]] auto memory_bounds(entry::UhyveInterfaceVersion interface) noexcept -> GuestRange;

// For a relocatable kernel, selects the place with number `random` (modulo the number of places), or the lowest place
// without `random`. Fails with configuration if the memory or the kernel does not fit, and with image if a fixed kernel
// is at an invalid address.
[[nodiscard]] auto plan_memory(const Placement& placement, std::optional<std::uint64_t> random) -> Result<MemoryLayout>;

}  // namespace hermitage::vmm::aarch64
