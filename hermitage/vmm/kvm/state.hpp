// The state of vCPUs and machines, and the time at which it is saved and restored.
#pragma once

#include <cstdint>

#include "hermitage/vmm/state_part.hpp"

namespace hermitage::vmm::kvm {

using State = StateParts;

// The nanoseconds since 1970, by the host's clock. The time of a guest continues by the difference of two moments.
[[nodiscard]] auto host_time() noexcept -> std::uint64_t;

}  // namespace hermitage::vmm::kvm
