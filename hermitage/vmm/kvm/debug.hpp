// What a debugger may ask KVM to stop a vCPU at.
#pragma once

#include <array>
#include <cstdint>

#include "hermitage/vmm/arch/arch.hpp"

namespace hermitage::vmm::kvm {

struct HardwareBreakpoint {
  enum class Kind : std::uint8_t { none, execution, write, access };

  Kind kind = Kind::none;
  std::uint64_t address = 0;  // a multiple of the size
  std::uint8_t size = 1;      // bytes: 1, 2, 4 or 8; of an instruction 1
};
using HardwareBreakpoints = std::array<HardwareBreakpoint, arch::kHardwareBreakpoints>;

struct DebugSetting {
  bool stops_at_breakpoints = false;  // at instructions for breakpoints, which the guest does not see then
  bool steps = false;                 // after the next instruction, without an interrupt in between
  bool delivers_breakpoint = false;   // the guest gets the exception of the instruction that it stands before, once
  HardwareBreakpoints hardware = {};
};

}  // namespace hermitage::vmm::kvm
