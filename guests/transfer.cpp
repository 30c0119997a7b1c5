// For benchmarks: `transfer read|write FILE SIZE COUNT` reads or writes so many pieces of so many bytes, at most 1 MiB
// each, one behind the other, and prints what each took on average, in ticks of the machine's counter. The file has to
// be there; to be read, it has to be large enough.
#include <array>

#include "guests/runtime/guest.hpp"
#include "guests/runtime/monitor.hpp"

namespace {

namespace monitor = guest::monitor;
namespace uhyve = guest::monitor::uhyve;

constexpr std::int64_t kMaxSize = std::int64_t{1} << 20;

alignas(4096) std::array<std::byte, kMaxSize> buffer;

auto ticks() -> std::uint64_t {
  std::uint32_t low;
  std::uint32_t high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return static_cast<std::uint64_t>(high) << 32 | low;
}

auto number_in_argument(std::size_t index, std::int64_t most) -> std::uint64_t {
  const auto argument = guest::argument(index);
  const auto number = argument ? guest::number(*argument) : 0;
  if (!number || *number < 0 || *number > most) guest::fail("usage: transfer read|write FILE SIZE COUNT");
  return static_cast<std::uint64_t>(*number);
}

// The name with a NUL behind it, which an argument need not have.
auto name_in_argument(std::size_t index) -> const char* {
  static constinit std::array<char, 256> name{};
  const auto argument = guest::argument(index).value_or("");
  if (argument.size() >= name.size()) guest::fail("the file's name is too long");
  std::size_t size = 0;
  for (const char character : argument) name[size++] = character;
  return name.data();
}

}  // namespace

auto guest_main() -> int {
  if (!guest::has_monitor()) guest::fail("transfer needs a monitor");
  const bool writes = guest::argument(0) == "write";
  const auto size = number_in_argument(2, kMaxSize);
  const auto count = number_in_argument(3, INT64_MAX);
  const int fd = monitor::open(name_in_argument(1), writes ? uhyve::kOpenWriteOnly : uhyve::kOpenReadOnly);
  if (fd < 0) guest::fail("the file cannot be opened");

  // The memory is there before anything is measured.
  for (std::size_t i = 0; i < buffer.size(); i += 4096) buffer[i] = std::byte{1};
  const auto piece = std::span{buffer}.first(size);
  const auto begin = ticks();
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto done = writes ? monitor::write(fd, piece) : monitor::read(fd, piece);
    if (done != static_cast<std::int64_t>(size)) guest::fail("a piece was not transferred whole");
  }
  const auto total = ticks() - begin;
  if (count > 0) {
    guest::Line line;
    line.append_decimal(count).append(writes ? " writes of " : " reads of ").append_decimal(size);
    guest::print_line(line.append(" bytes: ").append_decimal(total / count).append(" ticks each"));
  }
  return 0;
}
