// The image that was handed over: a kernel, or a packed image (docs/abi.md) with a kernel in it.
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
  GuestRange kernel;                  // an ELF file, perhaps
  std::optional<GuestRange> archive;  // of a packed image: its tar archive, without gzip, which the kernel may read
  std::string_view command_line;      // with what a packed image asks for; a NUL follows
};

// Unpacks `file`, if it is a packed image, into free memory, which is reserved. `user_line` is the kernel's command
// line as far as the user wrote it, with a NUL behind it; `names_loader` is that of the handover. Fails with a sentence
// when the image is not right, or asks for more memory than there is, or there is no place for it.
[[nodiscard]] auto open_image(const PhysicalMemory& memory, MemoryMap& memory_map, GuestRange file,
                              std::string_view user_line, bool names_loader, const PlacementRules& rules,
                              Arena& arena) noexcept -> Result<BootImage>;

}  // namespace hermitage::loader
