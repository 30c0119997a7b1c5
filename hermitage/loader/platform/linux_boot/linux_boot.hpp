// The 64-bit Linux boot protocol (Linux, Documentation/arch/x86/boot.rst), by which Firecracker starts kernels.
#pragma once

#include "hermitage/loader/failure.hpp"
#include "hermitage/loader/handover.hpp"
#include "hermitage/loader/physical_memory.hpp"

namespace hermitage::loader {

// Reads the boot_params at `boot_params` into an empty handover: the ramdisk is the image. Memory that all of it lies
// in is reserved. Fails when the magic numbers are wrong, there is no memory map, or something lies where there is no
// memory.
[[nodiscard]] auto read_linux_boot(const PhysicalMemory& memory, GuestAddress boot_params, Handover& handover) noexcept
    -> Result<void>;

}  // namespace hermitage::loader
