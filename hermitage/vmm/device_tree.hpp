// The device tree that tells a guest what machine it is on, as Uhyve's guests want it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm {

struct DeviceTree {
  GuestRange memory;
  std::uint32_t cpu_count = 1;
  std::string boot_arguments;                // see boot_arguments()
  std::optional<std::uint32_t> counter_khz;  // the frequency of the counter that the guest tells the time by
  std::optional<GuestRange> image;           // a packed image that the kernel is to find in its memory
  std::vector<std::string> mounts;           // directories that the guest finds files in
};

// The flattened tree, at most `size_limit` bytes of it. Fails with configuration when it is larger, which only long
// arguments make it.
[[nodiscard]] auto flatten(const DeviceTree& tree, std::size_t size_limit) -> Result<std::vector<std::byte>>;

}  // namespace hermitage::vmm
