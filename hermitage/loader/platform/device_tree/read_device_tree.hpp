// Machines that are described by a device tree: what it says about memory, the image, the command line and the console.
#pragma once

#include <optional>
#include <string_view>

#include "hermitage/loader/device_tree.hpp"
#include "hermitage/loader/failure.hpp"
#include "hermitage/loader/handover.hpp"

namespace hermitage::loader {

// Fills an empty handover. The image is the first boot module in /chosen (`module@ADDR`, of QEMU's guest-loader and
// others, whose `reg` states a size), or else linux,initrd-start and -end. What the tree reserves is reserved; the tree
// itself is not. Fails when there is no memory, or too many parts of it.
[[nodiscard]] auto read_device_tree(const DeviceTree& tree, Handover& handover) noexcept -> Result<void>;

// The address of the registers of a device right below the root, or on a bus there such as /soc, whose addresses are
// taken to be those of the root: of the first that is compatible with `compatible`, or of the one that
// /chosen/stdout-path ends with, if that is. Nothing when there is none.
[[nodiscard]] auto find_device(const DeviceTree& tree, std::string_view compatible) noexcept
    -> std::optional<GuestAddress>;

}  // namespace hermitage::loader
