// Checks whether this host can run guests in QEMU.
#pragma once

#include <vector>

#include "hermitage/base/host_check.hpp"
#include "hermitage/qemu/target.hpp"

namespace hermitage::qemu {

struct TargetCheck {
  Target target;
  base::HostCheck check;
};

// Checks for each target whether an emulator can be started, and whether a boot loader exists.
[[nodiscard]] auto check_host() -> std::vector<TargetCheck>;

}  // namespace hermitage::qemu
