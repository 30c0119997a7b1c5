// Whether the host supports virtualization.
#pragma once

#include <unistd.h>

namespace hermitage::vmm::aarch64 {

// Whether the host has KVM. On aarch64, KVM exists only if the CPU has virtualization, and executes guests directly.
[[nodiscard]] inline auto can_virtualize() noexcept -> bool {
  return ::access("/dev/kvm", F_OK) == 0;
}

}  // namespace hermitage::vmm::aarch64
