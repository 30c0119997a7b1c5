// The ranges of an address space, of ports or of memory, and the devices on them.
#pragma once

#include <cstdint>
#include <vector>

#include "hermitage/vmm/bus/device.hpp"

namespace hermitage::vmm {

// Set up by one thread; after that, any thread may look devices up. The devices are their owner's.
class Bus {
 public:
  // `unclaimed` answers where there is no device.
  explicit Bus(Device& unclaimed) noexcept : unclaimed_{&unclaimed} {}

  // Puts a device on [start, start + size). False, and nothing is changed, where the range is empty, ends behind the
  // address space, or overlaps another.
  [[nodiscard]] auto add(std::uint64_t start, std::uint64_t size, Device& device) -> bool;

  // The device that answers an access of `size` bytes at `address`: it must lie in the device's range whole.
  [[nodiscard]] auto device_at(std::uint64_t address, std::uint64_t size) const noexcept -> Device&;

 private:
  struct Range {
    std::uint64_t first;
    std::uint64_t last;
    Device* device;
  };

  Device* unclaimed_;
  std::vector<Range> ranges_;  // by their addresses
};

}  // namespace hermitage::vmm
