// Loads a kernel into the guest memory.
#pragma once

#include "hermitage/entry/kernel_object.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm {

// Parses the file. Fails with image if the kernel cannot be loaded, or if this monitor cannot run it: kernels of other
// architectures, of a newer interface, or without support for an interface.
[[nodiscard]] auto parse_kernel(std::span<const std::byte> elf) -> Result<entry::KernelObject>;

// Loads the kernel at `start`. `memory` must be newly allocated. Maps ranges of whole pages from the file of
// `descriptor`, if it is not -1, where that is faster than copying. Fails with image.
[[nodiscard]] auto load_kernel(const entry::KernelObject& kernel, const GuestMemory& memory, GuestAddress start,
                               int descriptor) -> Result<entry::LoadedKernel>;

}  // namespace hermitage::vmm
