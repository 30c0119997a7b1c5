// When a running guest is saved, and where.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm {

// The first condition that becomes true counts. Machine::request_snapshot() is always one.
struct SnapshotOptions {
  Descriptor file = {};                                // empty, and open for writing
  std::string image = {};                              // the name of the image, for users
  std::string when_output = {};                        // the guest has written this; empty: no condition
  bool when_idle = false;                              // no vCPU has done anything for 50 ms
  std::optional<std::chrono::nanoseconds> after = {};  // from the start of the guest
  bool continues = false;                              // the guest continues; otherwise, the run ends with Saved
  // The kernel's file, for debuggers, profiles and cores of the restored guest; empty: they will not be possible. The
  // bytes must outlive the machine.
  std::span<const std::byte> kernel = {};
  // The file is complete. An error is reported as one of saving. A thread in the sandbox calls it.
  std::function<Result<void>()> publish = {};
};

}  // namespace hermitage::vmm
