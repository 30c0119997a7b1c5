// What a debugger sees of an x86_64 vCPU, and how it numbers that: GDB's target descriptions of i386, which lldb
// understands, too.
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

// int3, which a debugger puts in the place of an instruction.
inline constexpr std::array kBreakpointInstruction{std::byte{0xcc}};

struct Selectors {
  std::uint16_t cs = 0, ss = 0, ds = 0, es = 0, fs = 0, gs = 0;
};

// All of a vCPU that stands between two instructions.
struct DebugState {
  // The area of XSAVE, in its standard format (Intel SDM 1, 13.4): x87, SSE, and AVX behind its header.
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

// The number of registers, and the bytes that one has; none behind the last one.
[[nodiscard]] auto register_count() noexcept -> unsigned;
[[nodiscard]] auto register_size(unsigned number) noexcept -> std::size_t;
[[nodiscard]] auto register_name(unsigned number) noexcept -> std::string_view;
inline constexpr std::size_t kMaxRegisterSize = 16;

// Little-endian, to and from as many bytes as the register has. False: it cannot be written, or there is none.
[[nodiscard]] auto read_register(const DebugState& state, unsigned number, std::span<std::byte> bytes) noexcept -> bool;
[[nodiscard]] auto write_register(DebugState& state, unsigned number, std::span<const std::byte> bytes) noexcept
    -> bool;

// The registers, as GDB's XML describes them ("target.xml").
[[nodiscard]] auto target_description() -> std::string;

}  // namespace hermitage::vmm::x86_64
