#include "hermitage/vmm/devices/x86_64/platform.hpp"

#include <array>
#include <utility>

#include "hermitage/entry/uhyve_interface.hpp"

namespace hermitage::vmm::x86_64 {
namespace {

constexpr std::uint16_t kUartPort = std::to_underlying(entry::uhyve::v1::Hypercall::uart);
constexpr CoalescedPorts kPci{.first = AbsentPci::kAddressPort, .count = AbsentPci::kAddressPorts, .is_output = false};
constexpr CoalescedPorts kUart{.first = kUartPort, .count = 1, .is_output = true};
constexpr std::array kPorts{kUart, kPci};

}  // namespace

Platform::Platform(Hypercalls& hypercalls, Warnings& warnings)
    : unclaimed_ports_{warnings},
      hypercall_ports_{hypercalls, unclaimed_ports_},
      bios_areas_{unclaimed_memory_},
      ports_{unclaimed_ports_},
      memory_{unclaimed_memory_},
      fits_{hypercall_ports_.add_to(ports_) && absent_pci_.add_to(ports_) && bios_areas_.add_to(memory_)} {}

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
