// Waits on all CPUs in one way while the run ends in another: no wait may delay an end.
//
//   waits ENDING WAIT   ENDING: exit, die or stay; WAIT: input, output, hypercalls, spin, halt, file or fault
//
// CPUs from 1 on wait, or crash with a triple fault. CPU 0 first prints `ready`. After the others have begun, it
// exits with 7, crashes, or also waits.
#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "guests/runtime/all_cpus.hpp"
#include "guests/runtime/guest.hpp"
#include "guests/runtime/machine.hpp"
#include "guests/runtime/monitor.hpp"

namespace {

namespace monitor = guest::monitor;

// The largest write and read. The content does not matter.
std::array<std::byte, std::size_t{4} << 20> buffer;

using Wait = void (*)();

void wait_for_input() {
  for (;;) [[maybe_unused]]
    const auto got = monitor::read(0, std::span{buffer}.first(1));
}

void wait_for_output() {
  for (;;) [[maybe_unused]]
    const auto put = monitor::write(1, buffer);
}

void make_hypercalls() {
  for (;;) [[maybe_unused]]
    const auto closed = monitor::close(-1);
}

void spin() {
  for (;;) asm volatile("" : : : "memory");
}

// A function in this file, because not every linker can relax the address of a function in another file.
void halt() {
  guest::machine::halt();
}

void read_file() {
  const int file = monitor::open("/file", monitor::uhyve::kOpenReadOnly);
  for (;;) {
    [[maybe_unused]] const auto start = monitor::lseek(file, 0, monitor::uhyve::kSeekSet);
    [[maybe_unused]] const auto got = monitor::read(file, buffer);
  }
}

// On x86_64 without an interrupt table, like a kernel that does not expect this CPU; on aarch64 by a store that is not
// a hypercall.
void die() {
#if defined(__x86_64__)
  struct [[gnu::packed]] {
    std::uint16_t limit;
    std::uint64_t base;
  } none{};
  asm volatile("lidt %0; int3" : : "m"(none));
#else
  asm volatile("str wzr, [%0]" : : "r"(std::uint64_t{0x1004}) : "memory");
#endif
}

auto wait_by_name(std::string_view name) -> Wait {
  if (name == "input") return wait_for_input;
  if (name == "output") return wait_for_output;
  if (name == "hypercalls") return make_hypercalls;
  if (name == "spin") return spin;
  if (name == "halt") return halt;
  if (name == "file") return read_file;
  if (name == "fault") return die;
  return nullptr;
}

// The other CPUs wait until CPU 0 sets this.
std::atomic<Wait> wait = nullptr;
std::atomic<std::uint64_t> waiting_cpus = 0;

}  // namespace

void start_other_cpu(std::uint64_t /*cpu*/) {
  Wait chosen = nullptr;
  while (chosen == nullptr) chosen = wait.load(std::memory_order_acquire);
  waiting_cpus.fetch_add(1, std::memory_order_release);
  chosen();
  guest::machine::halt();
}

auto guest_main() -> int {
  if (!guest::has_monitor()) guest::fail("waits needs a monitor");
  const auto ending = guest::argument(0).value_or("");
  const auto chosen = wait_by_name(guest::argument(1).value_or(""));
  if (chosen == nullptr || (ending != "exit" && ending != "die" && ending != "stay")) {
    guest::fail("usage: waits exit|die|stay input|output|hypercalls|spin|halt|file|fault");
  }
  guest::print_line("ready");
  wait.store(chosen, std::memory_order_release);
  while (waiting_cpus.load(std::memory_order_acquire) + 1 != guest::boot_info().uhyve.num_cpus) {
  }
  if (ending == "die") die();
  if (ending == "stay") chosen == die ? spin() : chosen();
  return 7;
}
