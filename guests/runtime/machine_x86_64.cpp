#include "guests/runtime/guest.hpp"
#include "guests/runtime/machine.hpp"
#include "guests/runtime/uart16550.hpp"

namespace guest::machine {
namespace {

void out(std::uint16_t port, std::uint8_t value) {
  asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

auto in(std::uint16_t port) -> std::uint8_t {
  std::uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

struct IoPort {
  std::uint16_t base;

  [[nodiscard]] auto get(unsigned index) const { return in(static_cast<std::uint16_t>(base + index)); }
  void set(unsigned index, std::uint8_t value) const { out(static_cast<std::uint16_t>(base + index), value); }
};

auto uart() -> Uart16550<IoPort> {
  return {IoPort{boot_info().serial_port_base}};
}

constexpr std::uint16_t kDebugExitPort = 0xf4;

// QEMU's isa-debug-exit ends with (value << 1)
//  1. Hermit kernels write 1 for success and 0 for failure. Other codes also get different values, as far as the
//  range permits.
auto debug_exit_value(int code) -> std::uint8_t {
  if (code == 0) return 1;
  if (code == 1) return 0;
  return static_cast<std::uint8_t>(code < 0 || code > 127 ? 127 : code);
}

}  // namespace

void serial_write(std::byte byte) {
  if (boot_info().serial_port_base != 0) uart().write(byte);
}

auto serial_read() -> std::optional<std::byte> {
  if (boot_info().serial_port_base == 0) return std::nullopt;
  return uart().read();
}

void power_off(int code) {
  out(kDebugExitPort, debug_exit_value(code));
  halt();
}

void halt() {
  for (;;) asm volatile("cli; hlt");
}

}  // namespace guest::machine
