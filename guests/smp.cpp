// Every CPU prints a line. Under a monitor, all CPUs start at the entry point. On bare aarch64 and riscv64 machines,
// the boot CPU starts the others with firmware calls. On a bare x86_64 machine, only the boot CPU runs.
#include <atomic>

#include "guests/runtime/all_cpus.hpp"
#include "guests/runtime/guest.hpp"
#include "guests/runtime/machine.hpp"

namespace {

using guest::kMaxCpus;

// 0 until the boot CPU is ready, then the number of CPUs. All CPUs wait for it.
std::atomic<std::uint64_t> cpu_count = 0;
std::atomic<std::uint64_t> next_to_report = 0;

// The CPUs print in the order of their numbers, so that the output is always the same and lines do not mix.
void report(std::uint64_t cpu) {
  while (next_to_report.load(std::memory_order_acquire) != cpu) {
  }
  guest::Line line;
  line.append("CPU ").append_decimal(cpu).append(" of ").append_decimal(cpu_count.load(std::memory_order_relaxed));
  guest::print_line(line);
  next_to_report.store(cpu + 1, std::memory_order_release);
}

#if defined(__x86_64__)

// Starting other CPUs would need interrupts and memory below 1 MiB, which guests do not use.
auto start_all() -> std::uint64_t {
  return 1;
}

#else

struct FirmwareCall {
  std::uint64_t function;
  std::uint64_t cpu;
  std::uint64_t address;
  std::uint64_t argument;
};

#if defined(__aarch64__)
// PSCI: CPU_ON by HVC, as on QEMU's `virt`.
auto call_firmware(FirmwareCall call) -> std::int64_t {
  register std::uint64_t x0 asm("x0") = call.function;
  register std::uint64_t x1 asm("x1") = call.cpu;
  register std::uint64_t x2 asm("x2") = call.address;
  register std::uint64_t x3 asm("x3") = call.argument;
  asm volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
  return static_cast<std::int64_t>(x0);
}
constexpr std::uint64_t kStartCpu = 0xc4000003;

// Write to memory, not only to the cache: the other CPUs have no cache enabled yet.
void publish_registers() {
  asm volatile("mrs %0, mair_el1" : "=r"(boot_cpu_registers[0]));
  asm volatile("mrs %0, tcr_el1" : "=r"(boot_cpu_registers[1]));
  asm volatile("mrs %0, ttbr0_el1" : "=r"(boot_cpu_registers[2]));
  asm volatile("mrs %0, sctlr_el1" : "=r"(boot_cpu_registers[3]));
  asm volatile("dc civac, %0; dsb sy" : : "r"(boot_cpu_registers) : "memory");
}
#else
// SBI: hart_start of the extension HSM.
auto call_firmware(FirmwareCall call) -> std::int64_t {
  register std::uint64_t a0 asm("a0") = call.cpu;
  register std::uint64_t a1 asm("a1") = call.address;
  register std::uint64_t a2 asm("a2") = call.argument;
  register std::uint64_t a6 asm("a6") = call.function;
  register std::uint64_t a7 asm("a7") = 0x48534d;
  asm volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
  return static_cast<std::int64_t>(a0);
}
constexpr std::uint64_t kStartCpu = 0;

void publish_registers() {}
#endif

// Tries all possible numbers. The firmware refuses those that do not exist, and the running hart. The others are
// numbered from 1.
auto start_all() -> std::uint64_t {
  publish_registers();
  std::uint64_t count = 1;
  for (std::uint64_t id = 0; id < kMaxCpus && count < kMaxCpus; ++id) {
    const auto address = reinterpret_cast<std::uintptr_t>(&firmware_start);
    if (call_firmware({.function = kStartCpu, .cpu = id, .address = address, .argument = count}) == 0) ++count;
  }
  return count;
}

#endif

}  // namespace

void start_other_cpu(std::uint64_t cpu) {
  while (cpu_count.load(std::memory_order_acquire) == 0) {
  }
  report(cpu);
  guest::machine::halt();
}

auto guest_main() -> int {
  const auto count = guest::has_monitor() ? guest::boot_info().uhyve.num_cpus : start_all();
  if (count > kMaxCpus) guest::fail("more CPUs than this guest has stacks for");
  cpu_count.store(count, std::memory_order_release);
  report(0);
  while (next_to_report.load(std::memory_order_acquire) != count) {
  }
  return 0;
}
