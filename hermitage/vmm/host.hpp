// The capabilities of a host that a monitor needs.
#pragma once

#include <vector>

#include "hermitage/base/host_check.hpp"
#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm {

using base::HostCheck;

// Whether KVM can run complete kernels, tested with a guest of a few instructions. A host that is a guest without
// nested virtualization can have /dev/kvm, but KVM then interprets kernels and does not support all instructions. Fails
// with kvm_missing, kvm_permission or kvm_failed.
[[nodiscard]] auto try_kvm() -> Result<void>;

// Checks everything that running a guest depends on. Does not change the host.
[[nodiscard]] auto check_host() -> std::vector<HostCheck>;

}  // namespace hermitage::vmm
