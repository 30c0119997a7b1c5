// The machine's counter, for measurements in a guest. Its frequency depends on the machine.
#pragma once

#include <cstdint>

namespace guest {

[[nodiscard]] inline auto ticks() -> std::uint64_t {
#if defined(__x86_64__)
  std::uint32_t low;
  std::uint32_t high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return static_cast<std::uint64_t>(high) << 32 | low;
#elif defined(__aarch64__)
  std::uint64_t value;
  asm volatile("isb; mrs %0, cntvct_el0" : "=r"(value));
  return value;
#else
  std::uint64_t value;
  asm volatile("rdtime %0" : "=r"(value));
  return value;
#endif
}

}  // namespace guest
