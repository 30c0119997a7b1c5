// What a host offers to a monitor.
#pragma once

#include <vector>

#include "hermitage/base/host_check.hpp"
#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm {

using base::HostCheck;

// Whether KVM runs whole kernels, by a guest of a few instructions. On a host that is a guest itself, without
// virtualization of its own, /dev/kvm may be there, but interpret kernels, and not know all instructions. Fails with
// kvm_missing, kvm_permission or kvm_failed.
[[nodiscard]] auto try_kvm() -> Result<void>;

// Looks at everything that running a guest depends on. Nothing is changed on the host.
[[nodiscard]] auto check_host() -> std::vector<HostCheck>;

}  // namespace hermitage::vmm
