// The entry point of guests that use all CPUs. Under a monitor, all CPUs start at it. On bare aarch64 and riscv64
// machines, the boot CPU starts the others with firmware calls.
#pragma once

#include <cstddef>
#include <cstdint>

namespace guest {

inline constexpr std::size_t kMaxCpus = 64;

}  // namespace guest

// With C linkage, for assembly.
extern "C" {

// The guest's code for the other CPUs. `cpu` counts from 1.
[[noreturn]] void start_other_cpu(std::uint64_t cpu);

// The address at which firmware starts a CPU. The first argument is its number (on riscv64, the second).
void firmware_start();

#if defined(__aarch64__)
// MAIR_EL1, TCR_EL1, TTBR0_EL1 and SCTLR_EL1 of the boot CPU. The others enable their MMU with these values.
extern std::uint64_t boot_cpu_registers[4];
#endif

}  // extern "C"
