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
  // Whether a user wrote something on the command line: some loaders put the loader's own path there.
  bool has_arguments = false;
  // RAM, and what of it is taken, but for the image.
  MemoryMap memory;
  std::optional<GuestAddress> rsdp;  // of ACPI
};

}  // namespace hermitage::loader
