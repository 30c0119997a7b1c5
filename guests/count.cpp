// Counts lines by the clock.
//
//   count LINES MILLISECONDS [halt]
//
// Prints `N TIME` for N from 1, with MILLISECONDS between two lines. TIME is the time since 1970 in microseconds: the
// boot time and the machine's counter. Between two lines, it computes, or halts until an interrupt of the timer.
#include <cstdint>
#include <optional>
#include <string_view>

#include "guests/devices/clock.hpp"
#include "guests/devices/interrupts.hpp"
#include "guests/runtime/guest.hpp"

namespace {

auto number(std::string_view text) -> std::uint64_t {
  std::uint64_t value = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') guest::fail("usage: count LINES MILLISECONDS [halt]");
    value = value * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  return value;
}

void wait_until(std::uint64_t moment, bool halts) {
  for (auto now = guest::now_microseconds(); now < moment; now = guest::now_microseconds()) {
    if (halts) guest::interrupts::wait(moment - now);
  }
}

}  // namespace

auto guest_main() -> int {
  if (!guest::has_monitor()) guest::fail("count needs a monitor");
  const auto lines = number(guest::argument(0).value_or("10"));
  const auto interval = number(guest::argument(1).value_or("100")) * 1000;
  const bool halts = guest::argument(2) == "halt";
  guest::start_clock();
  if (halts) guest::interrupts::start();
  const auto start = guest::now_microseconds();
  // The lower half of a number of nanoseconds.
  std::uint64_t boot_time = 0;
  __builtin_memcpy(&boot_time, guest::boot_info().uhyve.boot_time, sizeof boot_time);
  boot_time /= 1000;
  for (std::uint64_t line = 1; line <= lines; ++line) {
    guest::Line text;
    const auto time = boot_time + guest::now_microseconds() - start;
    guest::print_line(text.append_decimal(line).append(" ").append_decimal(time));
    wait_until(start + line * interval, halts);
  }
  return 0;
}
