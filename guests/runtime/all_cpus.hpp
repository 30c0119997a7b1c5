// The entry point of guests that use all CPUs. Under a monitor all CPUs come in at it; on bare aarch64 and riscv64
// machines the boot CPU starts the others through the firmware.
#pragma once

#include <cstddef>
#include <cstdint>

namespace guest {

inline constexpr std::size_t kMaxCpus = 64;

}  // namespace guest

// In C, so that assembly finds them.
extern "C" {

// What a guest does with its other CPUs; `cpu` counts from 1.
[[noreturn]] void start_other_cpu(std::uint64_t cpu);

// Where firmware starts a CPU, with its number in the first argument (on riscv64, in the second).
void firmware_start();

#if defined(__aarch64__)
// MAIR_EL1, TCR_EL1, TTBR0_EL1 and SCTLR_EL1 of the boot CPU, by which others turn their MMU on.
extern std::uint64_t boot_cpu_registers[4];
#endif

}  // extern "C"
