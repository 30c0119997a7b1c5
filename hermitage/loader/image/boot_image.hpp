// The image from the handover: a kernel, or an image (docs/abi.md) that contains a kernel.
#pragma once

#include <optional>
#include <string_view>

#include "hermitage/loader/arena.hpp"
#include "hermitage/loader/failure.hpp"
#include "hermitage/loader/kernel.hpp"
#include "hermitage/loader/memory_map.hpp"
#include "hermitage/loader/physical_memory.hpp"

namespace hermitage::loader {

struct BootImage {
  GuestRange kernel;                  // possibly an ELF file
  std::optional<GuestRange> archive;  // the tar archive of an image, without gzip, which the kernel may read
  std::string_view command_line;      // includes the arguments of an image; a NUL follows
};

// If `file` is an image, unpacks it into free memory and reserves that. `user_line` is the user's part of the
// kernel's command line, with a NUL after it. `names_loader` is that of the handover. Fails with a sentence if the
// image is invalid, requires more memory than the machine has, or does not fit.
[[nodiscard]] auto open_image(const PhysicalMemory& memory, MemoryMap& memory_map, GuestRange file,
                              std::string_view user_line, bool names_loader, const PlacementRules& rules,
                              Arena& arena) noexcept -> Result<BootImage>;

}  // namespace hermitage::loader
