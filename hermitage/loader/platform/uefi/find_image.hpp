// Where a UEFI application finds the image and the command line.
#pragma once

#include "hermitage/loader/arena.hpp"
#include "hermitage/loader/handover.hpp"
#include "hermitage/loader/platform/uefi/firmware.hpp"
#include "hermitage/loader/platform/uefi/uefi.hpp"

namespace hermitage::loader::uefi {

// First of all: takes the firmware's console, switches its watchdog off, and gets what it says of this application.
[[nodiscard]] auto begin_or_fail(SystemTable& system, Handle handle) noexcept -> const LoadedImage&;

// The image: QEMU's -initrd, or \EFI\hermit\hermit-app, or \EFI\BOOT\hermit-app, of where the loader was started from.
// The command line: the load options or, where there are none, hermit-bootargs in the same folders.
void find_image(SystemTable& system, const LoadedImage& loaded, Handover& handover, Arena& arena) noexcept;

}  // namespace hermitage::loader::uefi
