// From a device tree to a kernel that is loaded, and told of its machine by that tree.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "hermitage/loader/arena.hpp"
#include "hermitage/loader/device_tree.hpp"
#include "hermitage/loader/handover.hpp"
#include "hermitage/loader/kernel.hpp"
#include "hermitage/loader/physical_memory.hpp"

namespace hermitage::loader {

struct FlattenedTree {
  DeviceTree tree;
  GuestRange range;
};

// The tree that begins at `address`, or the end.
auto tree_or_fail(const PhysicalMemory& memory, GuestAddress address) noexcept -> FlattenedTree;

struct DeviceTreeBoot {
  LoadedImage image;
  GuestRange device_tree;  // the kernel's
  const std::byte* boot_info;
  std::span<std::byte> stack;
};

// `handover` was read from `tree`; all of its RAM is mapped. `loader` is where the loader lies; kernels go behind it,
// as they take all memory from their own end on.
auto boot_by_device_tree(const PhysicalMemory& memory, const FlattenedTree& tree, Handover& handover, GuestRange loader,
                         std::optional<std::uint64_t> serial_port, Arena& arena) noexcept -> DeviceTreeBoot;

}  // namespace hermitage::loader
