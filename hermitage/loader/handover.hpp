// What whoever started the loader has told it, whichever way it was told.
#pragma once

#include <optional>
#include <string_view>

#include "hermitage/loader/memory_map.hpp"
#include "hermitage/loader/physical_memory.hpp"

namespace hermitage::loader {

struct Handover {
  std::optional<GuestRange> image;  // a kernel, or a packed image
  std::string_view command_line;
  // Whether the command line begins with a word that no user wrote: some put the loader's own path there.
  bool names_loader = false;
  // RAM, and what of it is taken, but for the image.
  MemoryMap memory;
  std::optional<GuestAddress> rsdp;  // of ACPI
  // What kernels need of the firmware and it does not have, as a warning; empty: nothing.
  std::string_view firmware_lack;
};

}  // namespace hermitage::loader
