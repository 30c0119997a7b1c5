// The device tree's information about memory, image, command line and console.
#pragma once

#include <optional>
#include <string_view>

#include "hermitage/loader/device_tree.hpp"
#include "hermitage/loader/failure.hpp"
#include "hermitage/loader/handover.hpp"

namespace hermitage::loader {

// Fills an empty handover. The image is the first boot module in /chosen (`module@ADDR`, as from QEMU's guest-loader,
// with a size in `reg`), or else linux,initrd-start and -end. Reserves the tree's memory reservations, but not the
// tree itself. Fails if there is no memory, or if there are too many ranges.
[[nodiscard]] auto read_device_tree(const DeviceTree& tree, Handover& handover) noexcept -> Result<void>;

// The address of the registers of a device directly below the root, or on a bus there such as /soc, whose addresses
// are taken as those of the root. Returns the device at the end of /chosen/stdout-path if it is compatible with
// `compatible`, otherwise the first compatible one. Returns nothing if there is none.
[[nodiscard]] auto find_device(const DeviceTree& tree, std::string_view compatible) noexcept
    -> std::optional<GuestAddress>;

}  // namespace hermitage::loader
