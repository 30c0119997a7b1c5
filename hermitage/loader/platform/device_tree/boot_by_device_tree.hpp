// The boot on machines with a device tree: loads a kernel, and passes the tree to it.
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

// The tree at `address`. Ends the machine if it is invalid.
auto tree_or_fail(const PhysicalMemory& memory, GuestAddress address) noexcept -> FlattenedTree;

struct DeviceTreeBoot {
  LoadedImage image;
  GuestRange device_tree;  // for the kernel
  const std::byte* boot_info;
  std::span<std::byte> stack;
};

// `handover` must have been read from `tree`, and all of its RAM must be mapped. `loader` is the range of the loader.
// Kernels are loaded after it, because they use all memory after their own end.
auto boot_by_device_tree(const PhysicalMemory& memory, const FlattenedTree& tree, Handover& handover, GuestRange loader,
                         std::optional<std::uint64_t> serial_port, Arena& arena) noexcept -> DeviceTreeBoot;

}  // namespace hermitage::loader
