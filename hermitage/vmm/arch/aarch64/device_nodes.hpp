// The nodes of the device tree for the interrupt controller and the timer.
#pragma once

#include <cstdint>
#include <vector>

#include "hermitage/vmm/device_node.hpp"

namespace hermitage::vmm::aarch64 {

// Like the nodes of Uhyve, except that the redistributors have only the size that these vCPUs need: kernels map all of
// it.
[[nodiscard]] auto device_nodes(std::uint32_t cpu_count) -> std::vector<DeviceNode>;

}  // namespace hermitage::vmm::aarch64
