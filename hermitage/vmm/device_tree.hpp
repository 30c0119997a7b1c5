// The device tree that describes the machine to a guest, in the format that Uhyve's guests expect.
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
  bool has_pci = false;                      // where a PCI bus has a node
  std::string boot_arguments;                // see boot_arguments()
  std::optional<std::uint32_t> counter_khz;  // the frequency of the counter from which the guest derives the time
  std::optional<GuestRange> image;           // a packed image that the kernel finds in its memory
  std::vector<std::string> mounts;           // directories in which the guest finds files
};

// Makes the flattened tree, at most `size_limit` bytes. Fails with configuration if it is larger, which only long
// arguments can cause.
[[nodiscard]] auto flatten(const DeviceTree& tree, std::size_t size_limit) -> Result<std::vector<std::byte>>;

}  // namespace hermitage::vmm
