// Reads stacks of x86_64 code: registers, and the calls before return addresses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hermitage/vmm/arch/x86_64/page_tables.hpp"
#include "hermitage/vmm/arch/x86_64/vcpu_state.hpp"

namespace hermitage::vmm::x86_64 {

struct StackRegisters {
  std::uint64_t instruction = 0;
  std::uint64_t stack = 0;
  std::uint64_t frame = 0;  // points to the caller's, and the return address is behind it, in code with frame pointers
  std::uint64_t link = 0;   // always 0: calls use the stack
};

[[nodiscard]] inline auto stack_registers(const Registers& registers) noexcept -> StackRegisters {
  return {.instruction = registers.rip, .stack = registers.rsp, .frame = registers.rbp};
}

// A call instruction.
struct Call {
  enum class Kind : std::uint8_t { none, direct, indirect };

  Kind kind = Kind::none;
  std::int32_t distance = 0;  // of a direct call, from the return address to the called function
};

// The longest call instruction, in bytes, without redundant prefixes.
inline constexpr std::size_t kMaxCallSize = 7;

// The call instruction (opcodes E8 and FF /2) that ends at the end of `code`, of up to kMaxCallSize bytes. Other code
// can look like a call.
[[nodiscard]] auto call_at_end(std::span<const std::byte> code) noexcept -> Call;

}  // namespace hermitage::vmm::x86_64
