// The devices of an x86_64 guest, and their buses.
#pragma once

#include <span>
#include <vector>

#include "hermitage/vmm/bus/bus.hpp"
#include "hermitage/vmm/devices/hypercall_ports.hpp"
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

  // Whether no ranges of the devices overlap. This is always true, and a test checks it.
  [[nodiscard]] auto fits() const noexcept -> bool { return fits_; }
  // Makes a PCI bus with its host bridge and one other function. The BARs are in `window`. Call this at most once,
  // before the guest runs. Returns false if the window overlaps another range.
  [[nodiscard]] auto add_function(pci::Function& function, GuestRange window) -> bool;

  [[nodiscard]] auto ports() const noexcept -> const Bus& { return ports_; }
  [[nodiscard]] auto memory() const noexcept -> const Bus& { return memory_; }

 private:
  UnclaimedPorts unclaimed_ports_;
  UnclaimedMemory unclaimed_memory_;
  HypercallPorts hypercall_ports_;
  pci::PciBus pci_;
  PciPorts pci_ports_;
  BiosAreas bios_areas_;
  Bus ports_;
  Bus memory_;
  bool fits_;
};

// Ports whose writes KVM can collect, because they can be handled later.
struct CoalescedPorts {
  std::uint16_t first;
  std::uint32_t count;
  bool is_output;  // of the guest's console, so a thread must check for new writes
};
// With interface 1, output is written one byte at a time. With 2 and 3, a register contains the output, and the written
// value does not, so these writes cannot be collected. Kernels scan the whole PCI bus, with a write before each read.
[[nodiscard]] auto coalesced_ports(entry::UhyveInterfaceVersion interface) -> std::span<const CoalescedPorts>;

// The addresses available for BARs of a guest with this memory, and the initial address of the BAR.
struct PciWindow {
  GuestRange range;
  GuestAddress bar;
};
[[nodiscard]] auto pci_window(GuestRange memory) -> PciWindow;
// The interrupt line of the function beside the host bridge.
inline constexpr std::uint8_t kPciInterruptLine = 11;
// Whether the interrupt controllers take messages (MSI-X).
inline constexpr bool kHasMessages = true;

// Ranges outside the guest memory from which the guest can read zeros without an exit. Empty if the memory starts at
// `base` and contains them.
[[nodiscard]] auto zero_ranges(entry::UhyveInterfaceVersion interface, GuestAddress base)
    -> std::span<const GuestRange>;

}  // namespace hermitage::vmm::x86_64
