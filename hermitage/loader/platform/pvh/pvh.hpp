// PVH (Xen's "x86/HVM direct boot ABI"): what QEMU, Cloud Hypervisor, Firecracker and Xen tell.
#pragma once

#include "hermitage/loader/failure.hpp"
#include "hermitage/loader/handover.hpp"
#include "hermitage/loader/physical_memory.hpp"

namespace hermitage::loader {

// Reads the hvm_start_info at `info` into an empty handover: the first module is the image. Memory that all of it lies
// in is reserved. Fails when it is none, is of version 0, which has no memory map, or lies where there is no memory.
[[nodiscard]] auto read_pvh(const PhysicalMemory& memory, GuestAddress info, Handover& handover) noexcept
    -> Result<void>;

}  // namespace hermitage::loader
