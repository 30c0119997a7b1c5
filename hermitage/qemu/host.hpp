// What a host offers for running guests in QEMU.
#pragma once

#include <vector>

#include "hermitage/base/host_check.hpp"
#include "hermitage/qemu/target.hpp"

namespace hermitage::qemu {

struct TargetCheck {
  Target target;
  base::HostCheck check;
};

// For each target, whether there is an emulator that can be started, and a boot loader.
[[nodiscard]] auto check_host() -> std::vector<TargetCheck>;

}  // namespace hermitage::qemu
