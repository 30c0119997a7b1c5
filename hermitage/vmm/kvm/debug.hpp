// The conditions under which KVM stops a vCPU for a debugger.
#pragma once

#include <array>
#include <cstdint>

#include "hermitage/vmm/arch/arch.hpp"

namespace hermitage::vmm::kvm {

struct HardwareBreakpoint {
  enum class Kind : std::uint8_t { none, execution, write, access };

  Kind kind = Kind::none;
  std::uint64_t address = 0;  // a multiple of the size
  std::uint8_t size = 1;      // in bytes: 1, 2, 4 or 8; for an instruction 1
};
using HardwareBreakpoints = std::array<HardwareBreakpoint, arch::kHardwareBreakpoints>;

struct DebugSetting {
  bool stops_at_breakpoints = false;  // at breakpoint instructions, which the guest then does not see
  bool steps = false;                 // after the next instruction, with interrupts blocked
  bool delivers_breakpoint = false;   // deliver the exception of the breakpoint instruction at RIP to the guest, once
  HardwareBreakpoints hardware = {};
};

}  // namespace hermitage::vmm::kvm
