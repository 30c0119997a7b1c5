// An address space of ports or memory: its ranges, each with its device.
#pragma once

#include <cstdint>
#include <vector>

#include "hermitage/vmm/bus/device.hpp"

namespace hermitage::vmm {

// One thread sets it up. After that, any thread can look up devices. The bus does not own the devices.
class Bus {
 public:
  // `unclaimed` handles accesses to addresses without a device.
  explicit Bus(Device& unclaimed) noexcept : unclaimed_{&unclaimed} {}

  // Assigns [start, start + size) to a device. Returns false, without a change, if the range is empty, exceeds the
  // address space, or overlaps another range.
  [[nodiscard]] auto add(std::uint64_t start, std::uint64_t size, Device& device) -> bool;

  // The device that handles an access of `size` bytes at `address`. The whole access must be in the range of the
  // device.
  [[nodiscard]] auto device_at(std::uint64_t address, std::uint64_t size) const noexcept -> Device&;

 private:
  struct Range {
    std::uint64_t first;
    std::uint64_t last;
    Device* device;
  };

  Device* unclaimed_;
  std::vector<Range> ranges_;  // sorted by address
};

}  // namespace hermitage::vmm
