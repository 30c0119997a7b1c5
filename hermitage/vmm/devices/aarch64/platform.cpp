#include "hermitage/vmm/devices/aarch64/platform.hpp"

namespace hermitage::vmm::aarch64 {

Platform::Platform(Hypercalls& hypercalls, Warnings& warnings)
    : unclaimed_ports_{warnings},
      hypercall_pages_{hypercalls, unclaimed_memory_},
      pci_{unclaimed_memory_},
      pci_configuration_{pci_, kPciConfiguration.start.value},
      ports_{unclaimed_ports_},
      memory_{unclaimed_memory_},
      fits_{hypercall_pages_.add_to(memory_)} {}

auto Platform::add_function(pci::Function& function, GuestRange window) -> bool {
  pci_.add(function);
  return pci_configuration_.add_to(memory_) &&
         memory_.add(window.start.value, window.end.value - window.start.value, pci_);
}

auto pci_window(GuestRange /*memory*/) -> PciWindow {
  return {.range = {kPciRegisters32.start, kPciRegisters64.end}, .bar = kPciRegisters64.start};
}

auto coalesced_ports(entry::UhyveInterfaceVersion /*interface*/) -> std::span<const CoalescedPorts> {
  return {};
}

auto zero_ranges(entry::UhyveInterfaceVersion /*interface*/, GuestAddress /*base*/) -> std::span<const GuestRange> {
  return {};
}

}  // namespace hermitage::vmm::aarch64
