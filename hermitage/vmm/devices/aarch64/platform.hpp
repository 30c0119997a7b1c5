// The devices of an aarch64 guest, and their buses. KVM itself has the interrupt controller and the timer.
#pragma once

#include <cstdint>
#include <span>

#include "hermitage/vmm/bus/bus.hpp"
#include "hermitage/vmm/devices/aarch64/hypercall_pages.hpp"
#include "hermitage/vmm/devices/pci/config_window.hpp"
#include "hermitage/vmm/devices/pci/function.hpp"
#include "hermitage/vmm/devices/pci/pci_bus.hpp"
#include "hermitage/vmm/devices/unclaimed.hpp"
#include "hermitage/vmm/hypercalls/hypercalls.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"
#include "hermitage/vmm/warnings.hpp"

namespace hermitage::vmm::aarch64 {

class Platform {
 public:
  Platform(Hypercalls& hypercalls, Warnings& warnings);

  // Whether no ranges of the devices overlap. This is always true, and a test checks it.
  [[nodiscard]] auto fits() const noexcept -> bool { return fits_; }
  // Makes a PCI bus with its host bridge and one other function. The BARs are in `window`. Call this at most once,
  // before the guest runs. Returns false if the window overlaps another range.
  [[nodiscard]] auto add_function(pci::Function& function, GuestRange window) -> bool;

  // Empty: the architecture has no ports.
  [[nodiscard]] auto ports() const noexcept -> const Bus& { return ports_; }
  [[nodiscard]] auto memory() const noexcept -> const Bus& { return memory_; }

 private:
  UnclaimedPorts unclaimed_ports_;
  UnclaimedMemory unclaimed_memory_;
  HypercallPages hypercall_pages_;
  pci::PciBus pci_;
  pci::ConfigWindow pci_configuration_;
  Bus ports_;
  Bus memory_;
  bool fits_;
};

// The addresses available for BARs, which do not depend on the guest's memory, and the initial address of the BAR.
struct PciWindow {
  GuestRange range;
  GuestAddress bar;
};
[[nodiscard]] auto pci_window(GuestRange memory) -> PciWindow;
// KVM has messages (MSI-X) only with an interrupt translation service, of which Hermit has no driver.
inline constexpr bool kHasMessages = false;

// Without ports, none can be coalesced.
struct CoalescedPorts {
  std::uint16_t first;
  std::uint32_t count;
  bool is_output;
};
[[nodiscard]] auto coalesced_ports(entry::UhyveInterfaceVersion interface) -> std::span<const CoalescedPorts>;

// Kernels read nothing outside of their memory.
[[nodiscard]] auto zero_ranges(entry::UhyveInterfaceVersion interface, GuestAddress base)
    -> std::span<const GuestRange>;

}  // namespace hermitage::vmm::aarch64
