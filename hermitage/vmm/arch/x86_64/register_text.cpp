#include "hermitage/vmm/arch/x86_64/register_text.hpp"

#include <fmt/format.h>

namespace hermitage::vmm::x86_64 {
namespace {

// The registers after a reset. An AMD CPU resets a vCPU that shut down before the monitor can read its registers.
constexpr std::uint64_t kResetRip = 0xfff0;

}  // namespace

auto are_reset(const Registers& registers) noexcept -> bool {
  return registers.rip == kResetRip && (registers.cr0 & kControl0Paging) == 0;
}

auto register_text(const Registers& registers, bool all) -> std::string {
  auto text = fmt::format("  rsp {:#x}  rflags {:#x}  cr0 {:#x}  cr2 {:#x}  cr3 {:#x}  cr4 {:#x}\n", registers.rsp,
                          registers.rflags, registers.cr0, registers.cr2, registers.cr3, registers.cr4);
  if (!all) return text;
  text += fmt::format(
      "  rax {:#018x}  rbx {:#018x}  rcx {:#018x}  rdx {:#018x}\n"
      "  rsi {:#018x}  rdi {:#018x}  rbp {:#018x}  r8  {:#018x}\n"
      "  r9  {:#018x}  r10 {:#018x}  r11 {:#018x}  r12 {:#018x}\n"
      "  r13 {:#018x}  r14 {:#018x}  r15 {:#018x}  efer {:#x}\n",
      registers.rax, registers.rbx, registers.rcx, registers.rdx, registers.rsi, registers.rdi, registers.rbp,
      registers.r8, registers.r9, registers.r10, registers.r11, registers.r12, registers.r13, registers.r14,
      registers.r15, registers.efer);
  return text;
}

auto frame_registers(const Registers& registers) noexcept -> FrameRegisterValues {
  return {registers.rax, registers.rdx, registers.rcx, registers.rbx, registers.rsi, registers.rdi,
          registers.rbp, registers.rsp, registers.r8,  registers.r9,  registers.r10, registers.r11,
          registers.r12, registers.r13, registers.r14, registers.r15, registers.rip};
}

}  // namespace hermitage::vmm::x86_64
