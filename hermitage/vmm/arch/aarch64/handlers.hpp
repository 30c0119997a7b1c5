// Whether a vCPU repeats an exception in its kernel's handlers: without a working handler, an exception causes the next
// one, without an exit of KVM.
#pragma once

#include <string>

#include "hermitage/vmm/arch/aarch64/vcpu_state.hpp"

namespace hermitage::vmm::aarch64 {

// Describes the exception. Empty if the vCPU is not in the first page of the handlers.
[[nodiscard]] auto repeated_exception(const Registers& registers) -> std::string;

}  // namespace hermitage::vmm::aarch64
