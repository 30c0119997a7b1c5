#include "hermitage/vmm/arch/aarch64/device_nodes.hpp"

#include <string_view>
#include <utility>

#include "hermitage/vmm/arch/aarch64/memory_layout.hpp"

namespace hermitage::vmm::aarch64 {
namespace {

using Cells = std::vector<std::uint32_t>;

constexpr std::uint32_t kControllerHandle = 1;
constexpr std::uint32_t kLevel = 4;  // an interrupt that is level-triggered

// Appends a number of 64 bits, as the root's #address-cells and #size-cells say.
void append(Cells& cells, std::uint64_t value) {
  cells.push_back(static_cast<std::uint32_t>(value >> 32));
  cells.push_back(static_cast<std::uint32_t>(value));
}

auto interrupt_controller(std::uint32_t cpu_count) -> DeviceNode {
  Cells places;
  append(places, kDistributor.value);
  append(places, kDistributorSize);
  append(places, kRedistributors.value);
  append(places, kRedistributorSize * cpu_count);
  return {.name = "intc@8000000",
          .properties = {{.name = "compatible", .value = std::string_view{"arm,gic-v3"}},
                         {.name = "#address-cells", .value = Cells{2}},
                         {.name = "interrupt-controller", .value = Cells{}},
                         {.name = "#interrupt-cells", .value = Cells{3}},
                         {.name = "phandle", .value = Cells{kControllerHandle}},
                         {.name = "reg", .value = std::move(places)}}};
}

// Private interrupts, level-triggered: of the secure and the other physical timer, the virtual one, and the
// hypervisor's. These are KVM's numbers.
auto timer() -> DeviceNode {
  constexpr std::uint32_t kPrivate = 1;
  return {.name = "timer",
          .properties = {{.name = "compatible", .value = std::string_view{"arm,armv8-timer"}},
                         {.name = "interrupt-parent", .value = Cells{kControllerHandle}},
                         {.name = "interrupts",
                          .value = Cells{kPrivate, 13, kLevel, kPrivate, 14, kLevel, kPrivate, 11, kLevel, kPrivate, 10,
                                         kLevel}}}};
}

// Appends a range of addresses: its start on the PCI bus, which begins with the kind of the range, its start in memory,
// and its size.
void append_range(Cells& cells, std::uint32_t kind, std::uint64_t on_bus, GuestRange range) {
  cells.push_back(kind);
  append(cells, on_bus);
  append(cells, range.start.value);
  append(cells, range.end.value - range.start.value);
}

// A host bridge with one bus (PCI Bus Binding to IEEE 1275; pci-host-ecam-generic in Linux's bindings). An entry of the
// interrupt map begins with a slot and a pin, and continues with an interrupt of the controller.
auto pci_bus() -> DeviceNode {
  constexpr std::uint32_t kPorts = 0x0100'0000;
  constexpr std::uint32_t kRegisters32 = 0x0200'0000;
  constexpr std::uint32_t kRegisters64 = 0x0300'0000;
  constexpr std::uint32_t kSlot = std::uint32_t{1} << 11;
  constexpr std::uint32_t kSlotMask = 0xf800;
  constexpr std::uint32_t kPin = 1;
  constexpr std::uint32_t kPinMask = 7;
  constexpr std::uint32_t kShared = 0;
  Cells place;
  append(place, kPciConfiguration.start.value);
  append(place, kPciConfiguration.end.value - kPciConfiguration.start.value);
  Cells ranges;
  append_range(ranges, kPorts, 0, kPciPorts);
  append_range(ranges, kRegisters32, kPciRegisters32.start.value, kPciRegisters32);
  append_range(ranges, kRegisters64, kPciRegisters64.start.value, kPciRegisters64);
  return {
      .name = "pcie@9000000",
      .properties = {{.name = "compatible", .value = std::string_view{"pci-host-ecam-generic"}},
                     {.name = "device_type", .value = std::string_view{"pci"}},
                     {.name = "reg", .value = std::move(place)},
                     {.name = "ranges", .value = std::move(ranges)},
                     {.name = "bus-range", .value = Cells{0, 0}},
                     {.name = "#address-cells", .value = Cells{3}},
                     {.name = "#size-cells", .value = Cells{2}},
                     {.name = "#interrupt-cells", .value = Cells{1}},
                     {.name = "interrupt-map-mask", .value = Cells{kSlotMask, 0, 0, kPinMask}},
                     {.name = "interrupt-map",
                      .value = Cells{kSlot, 0, 0, kPin, kControllerHandle, 0, 0, kShared, kPciInterruptLine, kLevel}},
                     {.name = "dma-coherent", .value = Cells{}}}};
}

}  // namespace

auto device_nodes(std::uint32_t cpu_count, bool has_pci) -> std::vector<DeviceNode> {
  std::vector nodes{interrupt_controller(cpu_count), timer()};
  if (has_pci) nodes.push_back(pci_bus());
  return nodes;
}

}  // namespace hermitage::vmm::aarch64
