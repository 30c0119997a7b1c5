// See arch/none/arch.hpp.
#pragma once

#include <cstdint>
#include <span>

#include "hermitage/vmm/bus/bus.hpp"
#include "hermitage/vmm/devices/pci/function.hpp"
#include "hermitage/vmm/hypercalls/hypercalls.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"
#include "hermitage/vmm/warnings.hpp"

namespace hermitage::vmm::none {

class Platform {
 public:
  Platform(Hypercalls& hypercalls, Warnings& warnings);

  [[nodiscard]] auto add_function(pci::Function& function, GuestRange window) -> bool;
  [[nodiscard]] auto ports() const noexcept -> const Bus&;
  [[nodiscard]] auto memory() const noexcept -> const Bus&;
};

struct PciWindow {
  GuestRange range;
  GuestAddress bar;
};
[[nodiscard]] auto pci_window(GuestRange memory) -> PciWindow;
inline constexpr std::uint8_t kPciInterruptLine = 0;
inline constexpr bool kHasMessages = false;

struct CoalescedPorts {
  std::uint16_t first;
  std::uint32_t count;
  bool is_output;
};
[[nodiscard]] auto coalesced_ports(entry::UhyveInterfaceVersion interface) -> std::span<const CoalescedPorts>;
[[nodiscard]] auto zero_ranges(entry::UhyveInterfaceVersion interface, GuestAddress base)
    -> std::span<const GuestRange>;

}  // namespace hermitage::vmm::none
