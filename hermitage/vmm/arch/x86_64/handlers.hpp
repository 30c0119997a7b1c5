// Whether a vCPU repeats an exception in its kernel's handlers.
#pragma once

#include <string>

#include "hermitage/vmm/arch/x86_64/vcpu_state.hpp"

namespace hermitage::vmm::x86_64 {

// Never: an exception without a working handler ends the guest.
[[nodiscard]] inline auto repeated_exception(const Registers& /*registers*/) -> std::string {
  return {};
}

}  // namespace hermitage::vmm::x86_64
