// The nodes of the device tree, as kernels parse them.
#include "hermitage/vmm/arch/aarch64/device_nodes.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <variant>

#include <gtest/gtest.h>

#include "hermitage/vmm/arch/aarch64/memory_layout.hpp"

namespace hermitage::vmm::aarch64 {
namespace {

using Cells = std::vector<std::uint32_t>;

auto node(const std::vector<DeviceNode>& nodes, std::string_view name) -> const DeviceNode* {
  const auto found = std::ranges::find(nodes, name, &DeviceNode::name);
  return found == nodes.end() ? nullptr : &*found;
}

auto cells(const DeviceNode& node, std::string_view name) -> Cells {
  for (const auto& property : node.properties) {
    if (property.name == name) return std::get<Cells>(property.value);
  }
  return {};
}

auto number(const Cells& cells, std::size_t at) -> std::uint64_t {
  return std::uint64_t{cells.at(at)} << 32 | cells.at(at + 1);
}

TEST(DeviceNodes, HaveARedistributorForEachVcpu) {
  const auto nodes = device_nodes(4, false);
  ASSERT_EQ(nodes.size(), 2U);
  const auto* const controller = node(nodes, "intc@8000000");
  ASSERT_NE(controller, nullptr);
  EXPECT_EQ(cells(*controller, "reg"), (Cells{0, 0x800'0000, 0, 0x1'0000, 0, 0x80a'0000, 0, 0x8'0000}));
  EXPECT_NE(node(nodes, "timer"), nullptr);
}

TEST(DeviceNodes, HaveAPciBusOnlyIfRequested) {
  const auto nodes = device_nodes(1, true);
  ASSERT_EQ(nodes.size(), 3U);
  const auto* const bus = node(nodes, "pcie@9000000");
  ASSERT_NE(bus, nullptr);
  EXPECT_EQ(std::get<std::string_view>(bus->properties.front().value), "pci-host-ecam-generic");
  EXPECT_EQ(cells(*bus, "reg"), (Cells{0, 0x900'0000, 0, 0x10'0000})) << "kernels scan a bus for each MiB";
  EXPECT_EQ(cells(*bus, "bus-range"), (Cells{0, 0}));
}

// Kernels stop unless there are ranges of all three kinds, and none starts at zero.
TEST(DeviceNodes, HaveThreeRangesBelowTheMemory) {
  const auto nodes = device_nodes(1, true);
  const auto ranges = cells(*node(nodes, "pcie@9000000"), "ranges");
  constexpr std::size_t kEntry = 7;
  ASSERT_EQ(ranges.size(), 3 * kEntry);
  std::uint64_t last_end = kPciConfiguration.end.value;
  for (std::size_t at = 0; at < ranges.size(); at += kEntry) {
    EXPECT_EQ(ranges[at], (at / kEntry + 1) << 24);
    const auto start = number(ranges, at + 3);
    EXPECT_GE(start, last_end);
    if (at > 0) {
      EXPECT_EQ(start, number(ranges, at + 1)) << "the same address on the bus";
    }
    last_end = start + number(ranges, at + 5);
  }
  EXPECT_LE(last_end, memory_bounds({.value = 1}).start.value);
  EXPECT_LE(kRedistributors.value + 16 * kRedistributorSize, kPciConfiguration.start.value);
}

// Slot 1, pin 1; the controller, and its address in two cells; a shared interrupt, high level. Number 0 is not
// possible.
TEST(DeviceNodes, ConnectTheLineOfTheFunction) {
  const auto nodes = device_nodes(1, true);
  const auto& bus = *node(nodes, "pcie@9000000");
  const auto& controller = *node(nodes, "intc@8000000");
  const auto handle = cells(controller, "phandle").at(0);
  EXPECT_EQ(cells(controller, "#address-cells"), Cells{2});
  EXPECT_EQ(cells(controller, "#interrupt-cells"), Cells{3});
  EXPECT_EQ(cells(bus, "interrupt-map"), (Cells{0x800, 0, 0, 1, handle, 0, 0, 0, kPciInterruptLine, 4}));
  EXPECT_EQ(cells(bus, "interrupt-map-mask"), (Cells{0xf800, 0, 0, 7}));
  EXPECT_NE(kPciInterruptLine, 0);
}

}  // namespace
}  // namespace hermitage::vmm::aarch64
