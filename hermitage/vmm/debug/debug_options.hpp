// Options for debugging a guest.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "hermitage/vmm/debug/listener.hpp"

namespace hermitage::vmm::debug {

struct DebugOptions {
  Listener listener;
  bool waits = true;  // the guest stops before its first instruction until a debugger continues it
  // The name and the bytes of the kernel's file, for debuggers that cannot open it. The bytes must outlive the machine.
  std::string file_name = {};
  std::span<const std::byte> file = {};
  // Whether MachineOptions::trace receives hypercalls. The debugger's command `monitor trace` changes it.
  std::shared_ptr<std::atomic<bool>> traces = std::make_shared<std::atomic<bool>>(true);
  int kvm = -1;  // as MachineOptions::kvm, which Machine copies here
};

}  // namespace hermitage::vmm::debug
