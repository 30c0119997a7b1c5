// The state of an x86_64 vCPU that a debugger can access. Registers are numbered as in GDB's target descriptions of
// i386, which lldb supports, too.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "hermitage/vmm/arch/x86_64/vcpu_state.hpp"

namespace hermitage::vmm::x86_64 {

// The host's CPUs have four debug registers for addresses.
inline constexpr std::size_t kHardwareBreakpoints = 4;

// int3. A debugger writes it over an instruction.
inline constexpr std::array kBreakpointInstruction{std::byte{0xcc}};

struct Selectors {
  std::uint16_t cs = 0, ss = 0, ds = 0, es = 0, fs = 0, gs = 0;
};

// The complete state of a vCPU between two instructions.
struct DebugState {
  // The XSAVE area in its standard format (Intel SDM 1, 13.4): x87 and SSE, its header, then AVX.
  static constexpr std::size_t kExtendedSize = 4096;

  Registers general;
  Selectors selectors;
  std::uint64_t fs_base = 0;
  std::uint64_t gs_base = 0;
  std::array<std::byte, kExtendedSize> extended{};
};

[[nodiscard]] inline auto program_counter(const DebugState& state) noexcept -> std::uint64_t {
  return state.general.rip;
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

// The registers in the format of Linux's core files: elf_gregset_t in NT_PRSTATUS, and the FXSAVE area in NT_FPREGSET.
inline constexpr std::uint16_t kCoreMachine = 62;  // EM_X86_64
using CoreRegisters = std::array<std::uint64_t, 27>;
[[nodiscard]] auto core_registers(const DebugState& state) noexcept -> CoreRegisters;
using CoreFloats = std::array<std::byte, 512>;
[[nodiscard]] auto core_floats(const DebugState& state) noexcept -> CoreFloats;

// The registers in GDB's XML format ("target.xml").
[[nodiscard]] auto target_description() -> std::string;

}  // namespace hermitage::vmm::x86_64
