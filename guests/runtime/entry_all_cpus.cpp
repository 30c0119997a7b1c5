#include <cstddef>
#include <cstdint>

#include "guests/runtime/all_cpus.hpp"
#include "hermitage/kernel/boot_info.hpp"

namespace {

constexpr std::size_t kStackSize = 4096;

}  // namespace

extern "C" {

// The stacks of all CPUs except the boot CPU.
alignas(kStackSize) std::byte cpu_stacks[guest::kMaxCpus][kStackSize];

#if defined(__aarch64__)
// Aligned, so that no other data share a cache line with it.
alignas(256) std::uint64_t boot_cpu_registers[4];
#endif

[[noreturn]] void guest_start(const hermitage::kernel::RawBootInfo& boot_info);

}  // extern "C"

// Replaces `_start` of runtime/entry.cpp. The boot CPU continues as there; others get a stack by their number. On
// riscv64, firmware passes the hart first, and the boot hart can have any number.
#if defined(__x86_64__)
asm(R"(
  .pushsection .text._start, "ax", @progbits
  .globl _start
_start:
  test %esi, %esi
  jnz 1f
  add $0x7ff0, %rsp
  call guest_start
1:
  cmp $64, %esi
  jae 2f
  mov %esi, %edi
  lea 1(%rdi), %rax
  shl $12, %rax
  lea cpu_stacks(%rip), %rsp
  add %rax, %rsp
  call start_other_cpu
2:
  hlt
  jmp 2b
  .popsection
)");
#elif defined(__aarch64__)
#if defined(__AARCH64EB__)
asm(".macro BIG_ENDIAN_DATA\n mrs x9, sctlr_el1\n orr x9, x9, #1 << 25\n msr sctlr_el1, x9\n isb\n .endm");
#else
asm(".macro BIG_ENDIAN_DATA\n .endm");
#endif
asm(R"(
  .pushsection .text._start, "ax", @progbits
  .globl _start
_start:
  cbnz w1, 1f
  mov x9, #0x7ff0
  add sp, sp, x9
  bl guest_start
1:
  mov w0, w1
3:
  cmp x0, #64
  b.hs 2f
  add x9, x0, #1
  adrp x10, cpu_stacks
  add x10, x10, :lo12:cpu_stacks
  add x10, x10, x9, lsl #12
  mov sp, x10
  bl start_other_cpu
2:
  wfi
  b 2b
  .globl firmware_start
  .hidden firmware_start
firmware_start:
  BIG_ENDIAN_DATA
  adrp x9, boot_cpu_registers
  add x9, x9, :lo12:boot_cpu_registers
  ldp x10, x11, [x9]
  msr mair_el1, x10
  msr tcr_el1, x11
  ldp x10, x11, [x9, #16]
  msr ttbr0_el1, x10
  dsb sy
  isb
  msr sctlr_el1, x11
  isb
  b 3b
  .popsection
)");
#else
asm(R"(
  .pushsection .text._start, "ax", @progbits
  .globl _start
_start:
  mv a0, a1
  call guest_start
  .globl firmware_start
  .hidden firmware_start
firmware_start:
  mv a0, a1
  li t0, 64
  bgeu a0, t0, 2f
  addi t1, a0, 1
  slli t1, t1, 12
  lla sp, cpu_stacks
  add sp, sp, t1
  call start_other_cpu
2:
  wfi
  j 2b
  .popsection
)");
#endif
