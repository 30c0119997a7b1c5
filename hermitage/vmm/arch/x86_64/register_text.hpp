// The registers of a crashed vCPU, for users.
#pragma once

#include <string>
#include <string_view>

#include "hermitage/vmm/arch/frame_registers.hpp"
#include "hermitage/vmm/arch/x86_64/vcpu_state.hpp"

namespace hermitage::vmm::x86_64 {

inline constexpr std::string_view kProgramCounterName = "rip";

// Whether these are not the registers of the crash, because the CPU has reset them.
[[nodiscard]] auto are_reset(const Registers& registers) noexcept -> bool;

// All registers but the program counter as lines. Without `all`, only the most useful ones.
[[nodiscard]] auto register_text(const Registers& registers, bool all) -> std::string;

// The registers that unwind information refers to, in DWARF's order: those of general use, and RIP.
[[nodiscard]] auto frame_registers(const Registers& registers) noexcept -> FrameRegisterValues;

}  // namespace hermitage::vmm::x86_64
