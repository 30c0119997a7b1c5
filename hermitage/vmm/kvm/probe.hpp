// Whether KVM can run a kernel, and not only a part of one.
#pragma once

#include <cstdint>

#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/kvm/kvm.hpp"

namespace hermitage::vmm::kvm {

enum class Execution : std::uint8_t {
  native,       // the host's CPU runs the guest's kernel itself
  interpreted,  // KVM interprets it, and knows not all instructions: a host that is a guest without virtualization
};

// Runs a guest of a few instructions, of which one uses an SSE register in ring 0. Fails with kvm_failed, when it runs
// none at all.
[[nodiscard]] auto probe_execution(const Kvm& kvm) -> Result<Execution>;

}  // namespace hermitage::vmm::kvm
