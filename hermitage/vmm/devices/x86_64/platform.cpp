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
  pci_.add(function);
  return memory_.add(window.start.value, window.end.value - window.start.value, pci_);
}

auto pci_window(GuestRange memory) -> PciWindow {
  // The last addresses before the I/O APIC, and in them the address that Uhyve uses, unless the guest memory is there.
  constexpr std::uint64_t kStart = 0xe000'0000;
  constexpr std::uint64_t kUsualBar = 0xfe00'0000;
  constexpr std::uint64_t kEnd = 0xfec0'0000;
  if (memory.end.value <= kUsualBar) {
    return {.range = {GuestAddress{std::max(memory.end.value, kStart)}, GuestAddress{kEnd}},
            .bar = GuestAddress{kUsualBar}};
  }
  if (memory.start.value >= kEnd) {
    return {.range = {GuestAddress{kStart}, GuestAddress{kEnd}}, .bar = GuestAddress{kUsualBar}};
  }
  constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
  const auto start = std::max((memory.end.value + kGiB - 1) / kGiB * kGiB, 4 * kGiB);
  return {.range = {GuestAddress{start}, GuestAddress{start + kGiB}}, .bar = GuestAddress{start}};
}

auto coalesced_ports(entry::UhyveInterfaceVersion interface) -> std::span<const CoalescedPorts> {
  const std::span<const CoalescedPorts> all{kPorts};
  return interface.value == 1 ? all : all.subspan(1);
}

auto zero_ranges(entry::UhyveInterfaceVersion interface, GuestAddress base) -> std::span<const GuestRange> {
  // Only kernels of interface 1 access these ranges, and some of them have their memory at other addresses.
  const bool has_them = base < BiosAreas::kRanges.back().end;
  if (interface.value != 1 || has_them) return {};
  return BiosAreas::kRanges;
}

}  // namespace hermitage::vmm::x86_64
