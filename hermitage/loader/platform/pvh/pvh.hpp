// PVH (Xen's "x86/HVM direct boot ABI"): the information from QEMU, Cloud Hypervisor, Firecracker and Xen.
#pragma once

#include "hermitage/loader/failure.hpp"
#include "hermitage/loader/handover.hpp"
#include "hermitage/loader/physical_memory.hpp"

namespace hermitage::loader {

// Reads the hvm_start_info at `info` into an empty handover. The first module is the image. Reserves the memory of
// all structures. Fails if the structure is invalid, has version 0 (without a memory map), or refers to an address
// without memory.
[[nodiscard]] auto read_pvh(const PhysicalMemory& memory, GuestAddress info, Handover& handover) noexcept
    -> Result<void>;

}  // namespace hermitage::loader
