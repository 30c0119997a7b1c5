// The start and the end of every guest.
#include <span>

#include "guests/runtime/guest.hpp"
#include "guests/runtime/machine.hpp"
#include "guests/runtime/monitor.hpp"

namespace guest {
namespace {

constinit const kernel::RawBootInfo* the_boot_info = nullptr;

}  // namespace

auto boot_info() -> const kernel::RawBootInfo& {
  return *the_boot_info;
}

auto has_monitor() -> bool {
  return GUEST_CAN_HAVE_MONITOR != 0 && boot_info().platform == kernel::PlatformTag::uhyve;
}

void print(std::string_view text) {
#if GUEST_CAN_HAVE_MONITOR
  if (has_monitor()) return monitor::serial_write(std::as_bytes(std::span{text}));
#endif
  for (const char character : text) machine::serial_write(static_cast<std::byte>(character));
}

void print_line(std::string_view text) {
  Line line;
  print(line.append(text.substr(0, 254)).append('\n'));
}

auto append_signed(Line& line, std::int64_t value) -> Line& {
  const auto bits = static_cast<std::uint64_t>(value);
  return value < 0 ? line.append('-').append_decimal(0 - bits) : line.append_decimal(bits);
}

auto read_byte() -> std::optional<std::byte> {
#if GUEST_CAN_HAVE_MONITOR
  if (has_monitor()) {
    std::byte byte{};
    if (monitor::read(0, std::span{&byte, 1}) <= 0) return std::nullopt;
    return byte;
  }
#endif
  for (;;) {
    if (const auto byte = machine::serial_read()) return byte;
  }
}

void exit(int code) {
#if GUEST_CAN_HAVE_MONITOR
  if (has_monitor()) {
    monitor::exit(code);
    machine::halt();
  }
#endif
  machine::power_off(code);
}

void fail(std::string_view reason) {
  print_line(reason);
  exit(1);
}

}  // namespace guest

// The compiler refers to this function for pure virtual functions. It is never called.
extern "C" [[noreturn]] void __cxa_pure_virtual();
extern "C" void __cxa_pure_virtual() {
  guest::fail("a function without a body was called");
}

extern "C" [[noreturn]] void guest_start(const hermitage::kernel::RawBootInfo& boot_info) {
  guest::the_boot_info = &boot_info;
  guest::exit(guest_main());
}
