// Loads and relocates a kernel from an image in memory to free memory.
#pragma once

#include <cstdint>

#include "hermitage/entry/boot_info.hpp"
#include "hermitage/entry/kernel_object.hpp"
#include "hermitage/loader/failure.hpp"
#include "hermitage/loader/memory_map.hpp"
#include "hermitage/loader/physical_memory.hpp"

namespace hermitage::loader {

// The permitted addresses of kernels.
struct PlacementRules {
  GuestRange bounds;
  std::uint64_t alignment;  // for relocatable kernels; a power of two
  // Allocates memory from another owner before it is written. Returns false if the owner refuses.
  bool (*claim)(GuestRange place) noexcept = nullptr;
};

struct LoadedImage {
  entry::KernelObject object;  // refers to the image
  entry::LoadedKernel kernel;
};

// Loads the kernel in the range `image`. `image` must not be free in `memory_map`. Reserves the kernel's memory
// there. Moves the image away first if a fixed kernel needs its place. Fails with a sentence if the bytes are not a
// kernel for this machine, or if there is no place for it.
[[nodiscard]] auto load_kernel(const PhysicalMemory& memory, MemoryMap& memory_map, GuestRange image,
                               const PlacementRules& rules) noexcept -> Result<LoadedImage>;

}  // namespace hermitage::loader
