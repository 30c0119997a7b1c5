// The entry of a Hermit kernel.
#pragma once

#include <cstdint>

#include "hermitage/kernel/boot_info.hpp"

namespace hermitage::kernel {

// The function at the kernel's entry point: hermit_entry::Entry. It does not return.
extern "C" {
#if defined(__riscv)
using Entry = void(std::uint64_t hart_id, const RawBootInfo& boot_info);
#else
using Entry = void(const RawBootInfo& boot_info, std::uint32_t cpu_id);
#endif
}

// The size in bytes of the boot CPU's stack. No other CPU has a stack at entry. On x86_64 and aarch64, the stack
// pointer contains its lowest address; on riscv64, its end.
inline constexpr std::uint64_t kBootStackSize = 0x8000;

}  // namespace hermitage::kernel

// Defines `_start`, an Entry. It sets the stack pointer for C++ code and calls this function:
//
//     extern "C" [[noreturn]] void kernel_main(const hermitage::kernel::RawBootInfo& boot_info);
//     HERMITAGE_DEFINE_ENTRY(kernel_main);
//
// All CPUs except the first wait forever. `_start` sets up nothing else: interrupts, SSE (x86_64) and the
// floating-point unit are off. On riscv64, gp is not set (link with --no-relax).
#if defined(__x86_64__)
#define HERMITAGE_DEFINE_ENTRY(function)                 \
  asm(".pushsection .text._start,\"ax\",@progbits\n"     \
      ".globl _start\n.type _start,@function\n_start:\n" \
      "  test %esi, %esi\n"                              \
      "  jnz 1f\n"                                       \
      "  add $0x7ff0, %rsp\n"                            \
      "  xor %ebp, %ebp\n"                               \
      "  call " #function                                \
      "\n"                                               \
      "1: cli\n"                                         \
      "  hlt\n"                                          \
      "  jmp 1b\n"                                       \
      ".size _start, . - _start\n.popsection")
#elif defined(__aarch64__)
#define HERMITAGE_DEFINE_ENTRY(function)                 \
  asm(".pushsection .text._start,\"ax\",@progbits\n"     \
      ".globl _start\n.type _start,@function\n_start:\n" \
      "  cbnz w1, 1f\n"                                  \
      "  mov x9, #0x7ff0\n"                              \
      "  add sp, sp, x9\n"                               \
      "  mov x29, xzr\n"                                 \
      "  bl " #function                                  \
      "\n"                                               \
      "1: wfi\n"                                         \
      "  b 1b\n"                                         \
      ".size _start, . - _start\n.popsection")
#elif defined(__riscv)
// OpenSBI starts a hart with any number, so its number does not distinguish it from others. No loader starts others.
#define HERMITAGE_DEFINE_ENTRY(function)                 \
  asm(".pushsection .text._start,\"ax\",@progbits\n"     \
      ".globl _start\n.type _start,@function\n_start:\n" \
      "  mv a0, a1\n"                                    \
      "  mv s0, zero\n"                                  \
      "  call " #function                                \
      "\n"                                               \
      "1: wfi\n"                                         \
      "  j 1b\n"                                         \
      ".size _start, . - _start\n.popsection")
#endif
