// A kernel into the guest's memory.
#pragma once

#include "hermitage/entry/kernel_object.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm {

// Parses the file, and refuses, with image, what cannot be loaded, and what this monitor cannot run: kernels of other
// architectures, of a newer interface, or that were built without support for one.
[[nodiscard]] auto parse_kernel(std::span<const std::byte> elf) -> Result<entry::KernelObject>;

// Loads the kernel at `start`. `memory` must be fresh. Ranges of whole pages are mapped from the file behind
// `descriptor`, if it is one, where that takes less time than copying them. Fails with image.
[[nodiscard]] auto load_kernel(const entry::KernelObject& kernel, const GuestMemory& memory, GuestAddress start,
                               int descriptor) -> Result<entry::LoadedKernel>;

}  // namespace hermitage::vmm
