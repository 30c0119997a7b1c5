// A device tree for machines without one, because kernels read the machine's description from it.
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
  std::optional<GuestRange> archive = std::nullopt;  // an image without gzip
  std::optional<GuestAddress> rsdp = std::nullopt;   // for ACPI
  // For AMD SEV-SNP, from the firmware.
  std::optional<GuestAddress> confidential_computing_blob = std::nullopt;
};

// Writes the flattened tree to the arena. Ends the machine if the arena is full.
auto write_pc_device_tree(const PcDeviceTree& tree, Arena& arena) noexcept -> GuestAddress;

}  // namespace hermitage::loader
