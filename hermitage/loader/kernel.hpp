// From an image somewhere in memory to a kernel that is loaded and relocated where nothing else is.
#pragma once

#include <cstdint>

#include "hermitage/entry/boot_info.hpp"
#include "hermitage/entry/kernel_object.hpp"
#include "hermitage/loader/failure.hpp"
#include "hermitage/loader/memory_map.hpp"
#include "hermitage/loader/physical_memory.hpp"

namespace hermitage::loader {

// Where kernels may go.
struct PlacementRules {
  GuestRange bounds;
  std::uint64_t alignment;  // of relocatable ones; a power of two
  // Where memory has another owner: takes it, before it is written to. False when that does not give it.
  bool (*claim)(GuestRange place) noexcept = nullptr;
};

struct LoadedImage {
  entry::KernelObject object;  // refers to the image
  entry::LoadedKernel kernel;
};

// Loads the kernel that the bytes `image` are. `image` must not be free in `memory_map`; the kernel's place is reserved
// there. A fixed kernel that wants to be where the image is has the image moved away first. Fails with a sentence when
// the bytes are no kernel for this machine, or there is no place for it.
[[nodiscard]] auto load_kernel(const PhysicalMemory& memory, MemoryMap& memory_map, GuestRange image,
                               const PlacementRules& rules) noexcept -> Result<LoadedImage>;

}  // namespace hermitage::loader
