// Echoes its input byte by byte, until the input ends or an end of transmission (Ctrl-D) arrives. Under a monitor, it
// reads file descriptor 0. With the argument "buffer" (interface 3), it reads the serial port's buffer until that is
// empty.
#include <array>

#include "guests/runtime/guest.hpp"
#include "guests/runtime/machine.hpp"
#include "guests/runtime/monitor.hpp"

namespace {

constexpr std::byte kEndOfTransmission{4};

void write(std::byte byte) {
#if GUEST_CAN_HAVE_MONITOR
  if (guest::has_monitor()) return guest::monitor::serial_write_byte(byte);
#endif
  guest::machine::serial_write(byte);
}

#if GUEST_CAN_HAVE_MONITOR
auto echo_buffers() -> std::uint64_t {
  std::uint64_t count = 0;
  std::array<std::byte, 16> buffer{};
  while (const auto size = guest::monitor::v2::serial_read(buffer)) {
    if (size > buffer.size()) guest::fail("the monitor told of more bytes than there is room for");
    guest::monitor::serial_write(std::span{buffer}.first(size));
    count += size;
  }
  return count;
}
#endif

auto echo_bytes() -> std::uint64_t {
  std::uint64_t count = 0;
  for (; const auto byte = guest::read_byte(); ++count) {
    if (*byte == kEndOfTransmission) break;
    write(*byte);
  }
  return count;
}

auto echo() -> std::uint64_t {
#if GUEST_CAN_HAVE_MONITOR
  if (guest::has_monitor() && guest::interface != 1 && guest::argument(0) == "buffer") return echo_buffers();
#endif
  return echo_bytes();
}

}  // namespace

auto guest_main() -> int {
  guest::print_line("ready");
  guest::Line line;
  guest::print_line(line.append_decimal(echo()).append(" bytes"));
  return 0;
}
