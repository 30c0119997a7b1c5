// The layout of the memory of an aarch64 guest, as Uhyve's kernels expect it.
#pragma once

#include <cstdint>
#include <optional>

#include "hermitage/entry/version.hpp"
#include "hermitage/vmm/arch/memory_plan.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::aarch64 {

using vmm::MemoryLayout;

inline constexpr std::uint64_t kPageSize = 0x1000;

// Below the memory. A store of 8 bytes to a guest-physical address in these pages is a hypercall: the address is its
// number. The kernel uses the numbers as virtual addresses, which are mapped to the same physical ones.
inline constexpr GuestRange kHypercallPages{{0}, {2 * kPageSize}};

// The interrupt controller (GICv3): one distributor, and one redistributor for each vCPU.
inline constexpr GuestAddress kDistributor{0x800'0000};
inline constexpr std::uint64_t kDistributorSize = 0x1'0000;
inline constexpr GuestAddress kRedistributors{0x80a'0000};
inline constexpr std::uint64_t kRedistributorSize = 0x2'0000;  // each

// A PCI bus, if the guest has a network. The addresses are below each guest's memory. Kernels require a range for
// ports, and ranges for BARs of 32 and of 64 bits. They move a BAR of 64 bits to the start of its range.
inline constexpr GuestRange kPciConfiguration{{0x900'0000}, {0x910'0000}};
inline constexpr GuestRange kPciPorts{{0x910'0000}, {0x911'0000}};
inline constexpr GuestRange kPciRegisters32{{0xa00'0000}, {0xb00'0000}};
inline constexpr GuestRange kPciRegisters64{{0xb00'0000}, {0xc00'0000}};
// The shared peripheral interrupt (SPI) of the function in slot 1. Kernels have a handler for a serial port at number
// 0.
inline constexpr std::uint8_t kPciInterruptLine = 3;

// The lowest start address of the memory, and its highest end address.
//   interface 1     256 MiB to 4 GiB: kernels of this interface have no addresses above 4 GiB
//   interface 2, 3  4 GiB to 64 GiB
[[nodiscard]] auto memory_bounds(entry::UhyveInterfaceVersion interface) noexcept -> GuestRange;

// Like vmm::plan_memory(), within the bounds of the interface.
[[nodiscard]] auto plan_memory(const MemoryNeeds& needs, std::optional<std::uint64_t> random) -> Result<MemoryLayout>;

}  // namespace hermitage::vmm::aarch64
