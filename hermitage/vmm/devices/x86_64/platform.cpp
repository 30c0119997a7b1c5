#include "hermitage/vmm/devices/x86_64/platform.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "hermitage/entry/uhyve_interface.hpp"

namespace hermitage::vmm::x86_64 {
namespace {

constexpr std::uint16_t kUartPort = std::to_underlying(entry::uhyve::v1::Hypercall::uart);
constexpr CoalescedPorts kPci{.first = PciPorts::kAddressPort, .count = PciPorts::kAddressPorts, .is_output = false};
constexpr CoalescedPorts kUart{.first = kUartPort, .count = 1, .is_output = true};
constexpr std::array kPorts{kUart, kPci};

}  // namespace

Platform::Platform(Hypercalls& hypercalls, Warnings& warnings)
    : unclaimed_ports_{warnings},
      hypercall_ports_{hypercalls, unclaimed_ports_},
      pci_{unclaimed_memory_},
      pci_ports_{pci_},
      bios_areas_{unclaimed_memory_},
      ports_{unclaimed_ports_},
      memory_{unclaimed_memory_},
      fits_{hypercall_ports_.add_to(ports_) && pci_ports_.add_to(ports_) && bios_areas_.add_to(memory_)} {}

auto Platform::add_function(pci::Function& function, GuestRange window) -> bool {
  constexpr unsigned kHostBridgeSlot = 0;
  constexpr unsigned kFunctionSlot = 1;
  pci_.add(kHostBridgeSlot, host_bridge_);
  pci_.add(kFunctionSlot, function);
  return memory_.add(window.start.value, window.end.value - window.start.value, pci_);
}

auto pci_window(GuestRange memory) -> GuestRange {
  // Where Uhyve has it, below the I/O APIC, unless the guest's memory is there.
  constexpr GuestRange kUsual{GuestAddress{0xfe00'0000}, GuestAddress{0xfec0'0000}};
  constexpr std::uint64_t kAlignment = std::uint64_t{1} << 30;
  constexpr std::uint64_t kFourGiB = std::uint64_t{4} << 30;
  const bool is_free = memory.end <= kUsual.start || kUsual.end <= memory.start;
  if (is_free) return kUsual;
  const auto start = (std::max(memory.end.value, kFourGiB) + kAlignment - 1) / kAlignment * kAlignment;
  return {GuestAddress{start}, GuestAddress{start + kAlignment}};
}

auto coalesced_ports(entry::UhyveInterfaceVersion interface) -> std::span<const CoalescedPorts> {
  const std::span<const CoalescedPorts> all{kPorts};
  return interface.value == 1 ? all : all.subspan(1);
}

auto zero_ranges(entry::UhyveInterfaceVersion interface, GuestAddress base) -> std::span<const GuestRange> {
  // Of the kernels that look there, those of interface 1, some have their memory elsewhere.
  const bool has_them = base < BiosAreas::kRanges.back().end;
  if (interface.value != 1 || has_them) return {};
  return BiosAreas::kRanges;
}

}  // namespace hermitage::vmm::x86_64
