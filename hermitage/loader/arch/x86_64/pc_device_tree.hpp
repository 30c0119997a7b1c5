// The device tree of machines that have none of their own, which is how kernels learn of them all the same.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "hermitage/loader/arena.hpp"
#include "hermitage/loader/physical_memory.hpp"

namespace hermitage::loader {

struct PcDeviceTree {
  std::string_view platform;  // "hermit,multiboot", "hermit,linux" or "hermit,uefi"
  std::span<const GuestRange> ram;
  std::string_view command_line;
  std::optional<GuestRange> archive = std::nullopt;  // a packed image without gzip
  std::optional<GuestAddress> rsdp = std::nullopt;   // of ACPI
  // Of AMD SEV-SNP, as the firmware found it.
  std::optional<GuestAddress> confidential_computing_blob = std::nullopt;
};

// The flattened tree, in the arena; what has no room ends the machine.
auto write_pc_device_tree(const PcDeviceTree& tree, Arena& arena) noexcept -> GuestAddress;

}  // namespace hermitage::loader
