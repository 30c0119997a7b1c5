// For snapshots: holds two open files while it waits.
//
//   holds FILE OWN
//
// Reads four bytes of FILE, creates OWN and writes four bytes to it, and prints `ready`. After input or its end, it
// prints the rest of FILE, writes that to OWN, and prints the content of OWN.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "guests/runtime/guest.hpp"
#include "guests/runtime/monitor.hpp"

namespace {

namespace monitor = guest::monitor;
namespace uhyve = guest::monitor::uhyve;

std::array<std::byte, 64> buffer;

auto open(std::size_t argument, int flags) -> int {
  static constinit std::array<char, 256> path{};
  const auto name = guest::argument(argument);
  if (!name || name->size() >= path.size()) guest::fail("usage: holds FILE OWN");
  for (std::size_t i = 0; i < name->size(); ++i) path[i] = (*name)[i];
  path[name->size()] = '\0';
  const int file = monitor::open(path.data(), flags);
  if (file < 0) guest::fail("holds: cannot open a file");
  return file;
}

// Reads at most `size` bytes. The next call overwrites them.
auto read(int file, std::size_t size) -> std::span<const std::byte> {
  const auto got = monitor::read(file, std::span{buffer}.first(size));
  if (got < 0) guest::fail("holds: cannot read a file");
  return std::span{buffer}.first(static_cast<std::size_t>(got));
}

void write(int file, std::span<const std::byte> bytes) {
  if (monitor::write(file, bytes) != static_cast<std::int64_t>(bytes.size())) guest::fail("holds: cannot write a file");
}

void print_bytes(std::span<const std::byte> bytes) {
  guest::print_line({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

auto guest_main() -> int {
  if (!guest::has_monitor()) guest::fail("holds needs a monitor");
  const int file = open(0, uhyve::kOpenReadOnly);
  const int own = open(1, uhyve::kOpenReadWrite | uhyve::kOpenCreate | uhyve::kOpenExclusive);
  write(own, read(file, 4));
  guest::print_line("ready");
  static_cast<void>(guest::read_byte());
  const auto rest = read(file, buffer.size());
  print_bytes(rest);
  write(own, rest);
  if (monitor::lseek(own, 0, uhyve::kSeekSet) != 0) guest::fail("holds: cannot seek in a file");
  print_bytes(read(own, buffer.size()));
  return 0;
}
