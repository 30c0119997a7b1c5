// Reads stacks of aarch64 code: registers, and the calls before return addresses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hermitage/vmm/arch/aarch64/page_tables.hpp"
#include "hermitage/vmm/arch/aarch64/vcpu_state.hpp"

namespace hermitage::vmm::aarch64 {

struct StackRegisters {
  std::uint64_t instruction = 0;
  std::uint64_t stack = 0;
  std::uint64_t frame = 0;  // points to the caller's, and the return address is behind it, in code with frame pointers
  std::uint64_t link = 0;   // the return address, in a function that has made no call
};

[[nodiscard]] inline auto stack_registers(const Registers& registers) noexcept -> StackRegisters {
  constexpr std::size_t kFramePointer = 29;
  constexpr std::size_t kLink = 30;
  return {.instruction = registers.pc,
          .stack = registers.sp,
          .frame = registers.x[kFramePointer],
          .link = registers.x[kLink]};
}

// A call instruction.
struct Call {
  enum class Kind : std::uint8_t { none, direct, indirect };

  Kind kind = Kind::none;
  std::int32_t distance = 0;  // of a direct call, from the return address to the called function
};

// The size of each instruction, in bytes.
inline constexpr std::size_t kMaxCallSize = 4;

// The call instruction (BL and BLR) that ends at the end of `code`, of up to kMaxCallSize bytes.
[[nodiscard]] auto call_at_end(std::span<const std::byte> code) noexcept -> Call;

}  // namespace hermitage::vmm::aarch64
