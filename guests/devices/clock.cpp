#include "guests/devices/clock.hpp"

#include "guests/runtime/device_tree.hpp"
#include "guests/runtime/guest.hpp"
#include "guests/runtime/ticks.hpp"

#if defined(__x86_64__)
#include "guests/devices/port.hpp"
#endif

namespace guest {
namespace {

constinit std::uint64_t ticks_per_millisecond = 1'000'000;

#if defined(__x86_64__)

// Measures with channel 2 of the i8254 timer, which counts down for 10 ms. Its output is a bit of port 0x61. Returns
// 0 if there is no timer.
auto measure_ticks_per_millisecond() -> std::uint64_t {
  constexpr std::uint16_t kControl = 0x61;
  constexpr std::uint16_t kChannel2 = 0x42;
  constexpr std::uint16_t kMode = 0x43;
  constexpr std::uint16_t kCount = 11932;  // periods of 1.193182 MHz
  constexpr std::uint8_t kOutput = 1 << 5;
  constexpr std::uint64_t kGiveUp = 1'000'000'000;
  port::out8(kControl, static_cast<std::uint8_t>((port::in8(kControl) & ~2) | 1));
  port::out8(kMode, 0xb0);  // channel 2, two bytes, mode 0
  port::out8(kChannel2, kCount & 0xff);
  port::out8(kChannel2, kCount >> 8);
  const auto begin = ticks();
  while ((port::in8(kControl) & kOutput) == 0) {
    if (ticks() - begin > kGiveUp) return 0;
  }
  return (ticks() - begin) / 10;
}

auto find_ticks_per_millisecond() -> std::uint64_t {
  if (has_monitor()) return boot_info().uhyve.cpu_freq_khz;
  return measure_ticks_per_millisecond();
}

#elif defined(__aarch64__)

auto find_ticks_per_millisecond() -> std::uint64_t {
  std::uint64_t frequency;
  asm volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
  return frequency / 1000;
}

#else

auto find_ticks_per_millisecond() -> std::uint64_t {
  const auto tree = DeviceTree::of_boot_info();
  const auto frequency = tree ? tree->property("cpus", "timebase-frequency") : std::nullopt;
  if (!frequency || frequency->value.size() < 4) return 0;
  return frequency->value.get<std::uint32_t>(0) / 1000;
}

#endif

}  // namespace

void start_clock() {
  const auto found = find_ticks_per_millisecond();
  if (found != 0) ticks_per_millisecond = found;
}

auto now_microseconds() -> std::uint64_t {
  const auto value = ticks();
  const auto milliseconds = value / ticks_per_millisecond;
  return milliseconds * 1000 + value % ticks_per_millisecond * 1000 / ticks_per_millisecond;
}

}  // namespace guest
