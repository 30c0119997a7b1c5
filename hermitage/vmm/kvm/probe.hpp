// Tests with small guests what KVM supports on this host if no capability reports it.
#pragma once

#include <cstdint>

#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/kvm/kvm.hpp"

namespace hermitage::vmm::kvm {

enum class Execution : std::uint8_t {
  native,       // the host's CPU executes the guest's kernel
  interpreted,  // KVM interprets it, without support for all instructions (a host without virtualization)
};

// Runs a guest of a few instructions, one of which uses an SSE register in ring 0. Fails with kvm_failed if no guest
// runs.
[[nodiscard]] auto probe_execution(const Kvm& kvm) -> Result<Execution>;

// The kinds of breakpoints that work. With KVM in QEMU's emulator, none do. A KVM that interprets guests supports only
// debug registers for instructions.
struct BreakpointSupport {
  bool instructions = false;         // breakpoint instructions in memory
  bool execution_registers = false;  // debug registers for instructions
  bool data_registers = false;       // debug registers for accesses
};
[[nodiscard]] auto probe_breakpoints(const Kvm& kvm) -> Result<BreakpointSupport>;

}  // namespace hermitage::vmm::kvm
