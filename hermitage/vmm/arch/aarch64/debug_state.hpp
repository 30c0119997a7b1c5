// The state of an aarch64 vCPU that a debugger can access. Registers are numbered as in GDB's target descriptions of
// aarch64, which lldb supports, too.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "hermitage/vmm/arch/aarch64/vcpu_state.hpp"

namespace hermitage::vmm::aarch64 {

// A CPU has at least two registers for instructions and two for accesses, and most have four of each.
inline constexpr std::size_t kHardwareBreakpoints = 4;

// BRK #0. A debugger writes it over an instruction.
inline constexpr std::array kBreakpointInstruction{std::byte{0x00}, std::byte{0x00}, std::byte{0x20}, std::byte{0xd4}};

// The complete state of a vCPU between two instructions.
struct DebugState {
  using Vector = std::array<std::byte, 16>;

  Registers general;
  std::array<Vector, 32> vectors{};
  std::uint32_t fpsr = 0;
  std::uint32_t fpcr = 0;
};

[[nodiscard]] inline auto program_counter(const DebugState& state) noexcept -> std::uint64_t {
  return state.general.pc;
}

[[nodiscard]] inline auto general_registers(const DebugState& state HERMITAGE_LIFETIMEBOUND) noexcept
    -> const Registers& {
  return state.general;
}

// The number of registers, and the size of one in bytes: 0 if there is no such register.
[[nodiscard]] auto register_count() noexcept -> unsigned;
[[nodiscard]] auto register_size(unsigned number) noexcept -> std::size_t;
[[nodiscard]] auto register_name(unsigned number) noexcept -> std::string_view;
inline constexpr std::size_t kMaxRegisterSize = 16;

// Copy a register, little-endian. Return false if the register does not exist, if `bytes` does not have its size, or if
// a register to write is read-only.
[[nodiscard]] auto read_register(const DebugState& state, unsigned number, std::span<std::byte> bytes) noexcept -> bool;
[[nodiscard]] auto write_register(DebugState& state, unsigned number, std::span<const std::byte> bytes) noexcept
    -> bool;

// The registers in the format of Linux's core files: elf_gregset_t in NT_PRSTATUS, and user_fpsimd_state in
// NT_FPREGSET.
inline constexpr std::uint16_t kCoreMachine = 183;  // EM_AARCH64
using CoreRegisters = std::array<std::uint64_t, 34>;
[[nodiscard]] auto core_registers(const DebugState& state) noexcept -> CoreRegisters;
using CoreFloats = std::array<std::byte, 528>;
[[nodiscard]] auto core_floats(const DebugState& state) noexcept -> CoreFloats;

// The registers in GDB's XML format ("target.xml").
[[nodiscard]] auto target_description() -> std::string;

}  // namespace hermitage::vmm::aarch64
