// A node of the device tree that only some architectures have.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hermitage::vmm {

// A string, or 32-bit cells; no cells for a property whose presence is its value.
struct DeviceProperty {
  const char* name;
  std::variant<std::string_view, std::vector<std::uint32_t>> value;
};

struct DeviceNode {
  std::string name;
  std::vector<DeviceProperty> properties;
};

}  // namespace hermitage::vmm
