// Crashes, or exits, in a nested call: for backtraces and core files. It is compiled without optimization, and with
// debug and unwind information.
//
//   crash [WAY [wait]]   WAY: fault (the default): a triple fault, and on aarch64 a write to an address without memory;
//                        jump: a call of an address without memory; exit: exits with 7. wait: first waits for input
#include <cstdint>
#include <string_view>

#include "guests/runtime/guest.hpp"
#include "guests/runtime/monitor.hpp"

// Debuggers show these.
std::uint64_t crash_count = 0x1234;
char crash_text[] = "Hello from the guest crash";

namespace {

enum class Way : std::uint8_t { fault, jump, exit };

void end(Way way, std::uint64_t depth) {
  const auto doubled = 2 * depth;
  ++crash_count;
  if (way == Way::exit) guest::exit(7);
  if (way == Way::jump) reinterpret_cast<void (*)()>(0x0000'7000'0000'0000)();
#if defined(__x86_64__)
  asm volatile("ud2" : : "r"(doubled));  // there is no handler
#elif defined(__aarch64__)
  // Without a handler, no exception ends the guest. Two registers in one store: KVM cannot decode it.
  asm volatile("stp %0, %0, [%1]" : : "r"(doubled), "r"(std::uint64_t{0x1800}) : "memory");
#endif
}

void descend(Way way, std::uint64_t depth) {
  if (depth == 3) return end(way, depth);
  descend(way, depth + 1);
  crash_count += depth;  // so that the call is not the last one
}

}  // namespace

auto guest_main() -> int {
  if (!guest::has_monitor()) guest::fail("crash needs a monitor");
  const auto word = guest::argument(0).value_or("fault");
  guest::print_line(crash_text);
  [[maybe_unused]] const auto opened = guest::monitor::open("/missing", 0);
  if (guest::argument(1) == "wait") static_cast<void>(guest::read_byte());
  descend(word == "exit" ? Way::exit : word == "jump" ? Way::jump : Way::fault, 1);
  return 1;
}
