// The 64-bit Linux boot protocol (Linux, Documentation/arch/x86/boot.rst), which Firecracker uses.
#pragma once

#include "hermitage/loader/failure.hpp"
#include "hermitage/loader/handover.hpp"
#include "hermitage/loader/physical_memory.hpp"

namespace hermitage::loader {

// Reads the boot_params at `boot_params` into an empty handover. The ramdisk is the image. Reserves the memory of all
// structures. Fails if the magic numbers are wrong, if there is no memory map, or if an address is outside of the
// memory.
[[nodiscard]] auto read_linux_boot(const PhysicalMemory& memory, GuestAddress boot_params, Handover& handover) noexcept
    -> Result<void>;

}  // namespace hermitage::loader
