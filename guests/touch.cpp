// For snapshots: `touch MEBIBYTES` writes to each page of this much memory, at the end of the guest's memory, and
// prints `ready`. Then it waits for input or its end, prints `awake`, checks the pages, and prints `touched N pages`.
#include <cstdint>

#include "guests/devices/address_space.hpp"
#include "guests/runtime/guest.hpp"

namespace {

constexpr std::uint64_t kPageSize = 4096;
constexpr std::int64_t kMaxMebibytes = 8192;

// A value for each page that is not zero.
auto value_of(std::uint64_t page) -> std::uint64_t {
  return page + 1;
}

auto word_at(std::uint64_t address) -> volatile std::uint64_t& {
  return *reinterpret_cast<volatile std::uint64_t*>(address);
}

}  // namespace

auto guest_main() -> int {
  if (!guest::has_monitor()) guest::fail("touch needs a monitor");
  const auto argument = guest::argument(0);
  const auto mebibytes = argument ? guest::number(*argument) : 1;
  const auto memory_start = guest::boot_info().phys_addr_start;
  const auto memory_end = guest::boot_info().phys_addr_end;
  if (!mebibytes || *mebibytes < 1 || *mebibytes > kMaxMebibytes) guest::fail("usage: touch [MEBIBYTES]");
  const auto size = static_cast<std::uint64_t>(*mebibytes) << 20;
  // The other half is for the image.
  if (size > (memory_end - memory_start) / 2) guest::fail("touch: the memory is too small");
  const auto start = memory_end - size;
  const auto pages = size / kPageSize;
  guest::map_device(start, size);
  for (std::uint64_t page = 0; page < pages; ++page) word_at(start + page * kPageSize) = value_of(page);
  guest::print_line("ready");
  static_cast<void>(guest::read_byte());
  guest::print_line("awake");
  for (std::uint64_t page = 0; page < pages; ++page) {
    if (word_at(start + page * kPageSize) != value_of(page)) guest::fail("touch: a page has changed");
  }
  guest::Line line;
  guest::print_line(line.append("touched ").append_decimal(pages).append(" pages"));
  return 0;
}
