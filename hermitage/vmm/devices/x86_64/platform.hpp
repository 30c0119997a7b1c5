// The devices of an x86_64 guest, and the buses that they are on.
#pragma once

#include <span>
#include <vector>

#include "hermitage/vmm/bus/bus.hpp"
#include "hermitage/vmm/devices/hypercall_ports.hpp"
#include "hermitage/vmm/devices/pci/host_bridge.hpp"
#include "hermitage/vmm/devices/pci/pci_bus.hpp"
#include "hermitage/vmm/devices/unclaimed.hpp"
#include "hermitage/vmm/devices/x86_64/bios_areas.hpp"
#include "hermitage/vmm/devices/x86_64/pci_ports.hpp"
#include "hermitage/vmm/hypercalls/hypercalls.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"
#include "hermitage/vmm/warnings.hpp"

namespace hermitage::vmm::x86_64 {

class Platform {
 public:
  Platform(Hypercalls& hypercalls, Warnings& warnings);

  // Whether each device has found its place: so it is with these, and a test holds it.
  [[nodiscard]] auto fits() const noexcept -> bool { return fits_; }
  // Makes a PCI bus, with one function beside its host bridge, and `window` for BARs. Once, before the guest runs.
  // False where the window is taken.
  [[nodiscard]] auto add_function(pci::Function& function, GuestRange window) -> bool;

  [[nodiscard]] auto ports() const noexcept -> const Bus& { return ports_; }
  [[nodiscard]] auto memory() const noexcept -> const Bus& { return memory_; }

 private:
  UnclaimedPorts unclaimed_ports_;
  UnclaimedMemory unclaimed_memory_;
  HypercallPorts hypercall_ports_;
  pci::HostBridge host_bridge_;
  pci::PciBus pci_;
  PciPorts pci_ports_;
  BiosAreas bios_areas_;
  Bus ports_;
  Bus memory_;
  bool fits_;
};

// Ports whose writes KVM may collect: a later look at them is soon enough.
struct CoalescedPorts {
  std::uint16_t first;
  std::uint32_t count;
  bool is_output;  // of the guest's console, so that somebody has to look
};
// By interface 1, output comes a byte at a time. By 2 and 3, what counts is in a register, and not in what is written
// to the port. And kernels scan the whole PCI bus, with a write before each read.
[[nodiscard]] auto coalesced_ports(entry::UhyveInterfaceVersion interface) -> std::span<const CoalescedPorts>;

// Where a guest with this memory may have its BARs, and the one that it has in the beginning.
struct PciWindow {
  GuestRange range;
  GuestAddress bar;
};
[[nodiscard]] auto pci_window(GuestRange memory) -> PciWindow;
// The interrupt line of the function beside the host bridge.
inline constexpr std::uint8_t kPciInterruptLine = 11;

// Ranges outside of the guest's memory that it may read zeros from without leaving the guest. None where its memory
// begins at `base` and has them in it.
[[nodiscard]] auto zero_ranges(entry::UhyveInterfaceVersion interface, GuestAddress base)
    -> std::span<const GuestRange>;

}  // namespace hermitage::vmm::x86_64
