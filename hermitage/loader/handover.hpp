// The information from the boot protocol, independent of the protocol.
#pragma once

#include <optional>
#include <string_view>

#include "hermitage/loader/memory_map.hpp"
#include "hermitage/loader/physical_memory.hpp"

namespace hermitage::loader {

struct Handover {
  std::optional<GuestRange> image;  // a kernel or an image
  std::string_view command_line;
  // Whether the command line begins with a word that is not from the user. Some boot loaders put the loader's own
  // path there.
  bool names_loader = false;
  // RAM and its reserved ranges, without the range of the image.
  MemoryMap memory;
  std::optional<GuestAddress> rsdp;  // for ACPI
  // A warning about features that kernels need and the firmware lacks. Empty if there are none.
  std::string_view firmware_lack;
};

}  // namespace hermitage::loader
