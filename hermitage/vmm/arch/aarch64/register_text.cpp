#include "hermitage/vmm/arch/aarch64/register_text.hpp"

#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

namespace hermitage::vmm::aarch64 {

auto are_reset(const Registers& /*registers*/) noexcept -> bool {
  return false;
}

auto register_text(const Registers& registers, bool all) -> std::string {
  auto text = fmt::format("  sp {:#x}  pstate {:#x}  elr {:#x}  esr {:#x}  far {:#x}  ttbr0 {:#x}\n", registers.sp,
                          registers.pstate, registers.elr, registers.esr, registers.far, registers.ttbr0);
  if (!all) return text;
  constexpr std::size_t kColumns = 4;
  for (std::size_t number = 0; number < registers.x.size(); ++number) {
    const bool ends_line = number % kColumns == kColumns - 1 || number + 1 == registers.x.size();
    text += fmt::format("  x{:<2} {:#018x}{}", number, registers.x[number], ends_line ? "\n" : "");
  }
  return text + fmt::format("  spsr {:#x}  sctlr {:#x}  tcr {:#x}  mair {:#x}  ttbr1 {:#x}  vbar {:#x}\n",
                            registers.spsr, registers.sctlr, registers.tcr, registers.mair, registers.ttbr1,
                            registers.vbar);
}

auto frame_registers(const Registers& registers) noexcept -> FrameRegisterValues {
  FrameRegisterValues result{};
  std::ranges::copy(registers.x, result.begin());
  result[registers.x.size()] = registers.sp;
  result[registers.x.size() + 1] = registers.pc;
  return result;
}

}  // namespace hermitage::vmm::aarch64
