// Search for the image and the command line in a UEFI application.
#pragma once

#include "hermitage/loader/arena.hpp"
#include "hermitage/loader/handover.hpp"
#include "hermitage/loader/platform/uefi/firmware.hpp"
#include "hermitage/loader/platform/uefi/uefi.hpp"

namespace hermitage::loader::uefi {

// Must be called first: uses the firmware's console, switches its watchdog off, and gets the firmware's description
// of this application.
[[nodiscard]] auto begin_or_fail(SystemTable& system, Handle handle) noexcept -> const LoadedImage&;

// The image: QEMU's -initrd, or \EFI\hermit\hermit-app, or \EFI\BOOT\hermit-app in the file system of the loader. The
// command line: the load options or, if these are empty, the file hermit-bootargs in the same directories.
void find_image(SystemTable& system, const LoadedImage& loaded, Handover& handover, Arena& arena) noexcept;

}  // namespace hermitage::loader::uefi
