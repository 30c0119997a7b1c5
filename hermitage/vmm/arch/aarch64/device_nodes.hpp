// The nodes of the device tree for the interrupt controller, the timer, and the PCI bus.
#pragma once

#include <cstdint>
#include <vector>

#include "hermitage/vmm/device_node.hpp"

namespace hermitage::vmm::aarch64 {

// Like the nodes of Uhyve, which has no PCI bus on aarch64, except that the redistributors have only the size that
// these vCPUs need: kernels map all of it.
[[nodiscard]] auto device_nodes(std::uint32_t cpu_count, bool has_pci) -> std::vector<DeviceNode>;

}  // namespace hermitage::vmm::aarch64
