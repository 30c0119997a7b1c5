// The state of vCPUs and machines, and the time at which it is saved and restored.
#pragma once

#include <cstdint>
#include <string>

#include "hermitage/vmm/state_part.hpp"

namespace hermitage::vmm::kvm {

using State = StateParts;

// The nanoseconds since 1970, by the host's clock. The time of a guest continues by the difference of two moments.
[[nodiscard]] auto host_time() noexcept -> std::uint64_t;

// Identifies this boot of the host's kernel, during which the features that it has for guests stay the same. At most
// 64 characters; empty if it is unknown. See boot_id in proc_sys_kernel(5).
[[nodiscard]] auto host_boot() -> std::string;

}  // namespace hermitage::vmm::kvm
