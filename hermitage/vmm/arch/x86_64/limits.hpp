// The limits of guests of this architecture.
#pragma once

#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/machine_shape.hpp"

namespace hermitage::vmm::x86_64 {

// An x86_64 guest can have everything that options request.
[[nodiscard]] inline auto check_limits(const MachineShape& /*shape*/) -> Result<void> {
  return {};
}

}  // namespace hermitage::vmm::x86_64
