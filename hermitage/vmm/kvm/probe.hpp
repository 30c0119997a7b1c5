// Finds out with small guests what KVM supports on this host, if no capability tells.
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

// The kinds of breakpoints that work. On KVM in QEMU's emulator, none do; a KVM that interprets guests supports only
// debug registers for instructions.
struct BreakpointSupport {
  bool instructions = false;         // breakpoint instructions in memory
  bool execution_registers = false;  // debug registers for instructions
  bool data_registers = false;       // debug registers for accesses
};
[[nodiscard]] auto probe_breakpoints(const Kvm& kvm) -> Result<BreakpointSupport>;

}  // namespace hermitage::vmm::kvm
