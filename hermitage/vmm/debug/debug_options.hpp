// Options for debugging a guest.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "hermitage/vmm/debug/listener.hpp"

namespace hermitage::vmm::debug {

struct DebugOptions {
  Listener listener;
  bool waits = true;  // the guest stands before its first instruction until a debugger continues it
  // The kernel's file, for debuggers that cannot open it: how it is called, and its bytes, which must exist as long as
  // the machine.
  std::string file_name = {};
  std::span<const std::byte> file = {};
};

}  // namespace hermitage::vmm::debug
