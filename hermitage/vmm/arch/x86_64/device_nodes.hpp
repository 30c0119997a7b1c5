// The nodes of the device tree that only this architecture has.
#pragma once

#include <cstdint>
#include <vector>

#include "hermitage/vmm/device_node.hpp"

namespace hermitage::vmm::x86_64 {

// None: kernels know the devices of a PC.
[[nodiscard]] inline auto device_nodes(std::uint32_t /*cpu_count*/, bool /*has_pci*/) -> std::vector<DeviceNode> {
  return {};
}

}  // namespace hermitage::vmm::x86_64
