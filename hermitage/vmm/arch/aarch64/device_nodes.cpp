#include "hermitage/vmm/arch/aarch64/device_nodes.hpp"

#include <string_view>
#include <utility>

#include "hermitage/vmm/arch/aarch64/memory_layout.hpp"

namespace hermitage::vmm::aarch64 {
namespace {

using Cells = std::vector<std::uint32_t>;

constexpr std::uint32_t kControllerHandle = 1;

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
                         {.name = "interrupt-controller", .value = Cells{}},
                         {.name = "#interrupt-cells", .value = Cells{3}},
                         {.name = "phandle", .value = Cells{kControllerHandle}},
                         {.name = "reg", .value = std::move(places)}}};
}

// Private interrupts, level-triggered: of the secure and the other physical timer, the virtual one, and the
// hypervisor's. These are KVM's numbers.
auto timer() -> DeviceNode {
  constexpr std::uint32_t kPrivate = 1;
  constexpr std::uint32_t kLevel = 4;
  return {.name = "timer",
          .properties = {{.name = "compatible", .value = std::string_view{"arm,armv8-timer"}},
                         {.name = "interrupt-parent", .value = Cells{kControllerHandle}},
                         {.name = "interrupts",
                          .value = Cells{kPrivate, 13, kLevel, kPrivate, 14, kLevel, kPrivate, 11, kLevel, kPrivate, 10,
                                         kLevel}}}};
}

}  // namespace

auto device_nodes(std::uint32_t cpu_count) -> std::vector<DeviceNode> {
  return {interrupt_controller(cpu_count), timer()};
}

}  // namespace hermitage::vmm::aarch64
