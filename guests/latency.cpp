// For benchmarks: `latency HYPERCALLS PAGES` makes this many hypercalls (empty writes to the serial port). Then it
// writes to this many untouched pages (at most 4096). It prints the average time of each, in ticks of the machine's
// counter. Without a monitor, there are no hypercalls.
#include "guests/runtime/guest.hpp"
#include "guests/runtime/monitor.hpp"
#include "guests/runtime/ticks.hpp"

namespace {

constexpr std::size_t kPageSize = 4096;
constexpr std::int64_t kMaxPages = 4096;

// Zeros that are not in the file: a monitor that maps memory lazily has not touched them.
alignas(kPageSize) volatile std::uint8_t pages[kMaxPages * kPageSize];

void print_average(std::string_view what, std::uint64_t begin, std::uint64_t count) {
  if (count == 0) return;
  const auto total = guest::ticks() - begin;
  guest::Line line;
  line.append_decimal(count).append(' ').append(what).append(": ").append_decimal(total / count);
  guest::print_line(line.append(" ticks each"));
}

auto count_in_argument(std::size_t index, std::int64_t most) -> std::uint64_t {
  const auto argument = guest::argument(index);
  const auto count = argument ? guest::number(*argument) : 0;
  if (!count || *count < 0 || *count > most) guest::fail("usage: latency [HYPERCALLS [PAGES]], at most 4096 pages");
  return static_cast<std::uint64_t>(*count);
}

}  // namespace

auto guest_main() -> int {
  [[maybe_unused]] const auto hypercalls = count_in_argument(0, INT64_MAX);
  const auto page_count = count_in_argument(1, kMaxPages);

#if GUEST_CAN_HAVE_MONITOR
  if (guest::has_monitor()) {
    const std::byte nothing{};
    const auto begin = guest::ticks();
    for (std::uint64_t i = 0; i < hypercalls; ++i) guest::monitor::serial_write({&nothing, 0});
    print_average("hypercalls", begin, hypercalls);
  }
#endif
  const auto begin = guest::ticks();
  for (std::uint64_t i = 0; i < page_count; ++i) pages[i * kPageSize] = 1;
  print_average("pages", begin, page_count);
  return 0;
}
