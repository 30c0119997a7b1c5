#include "guests/runtime/guest.hpp"
#include "guests/runtime/machine.hpp"
#include "guests/runtime/uart16550.hpp"

namespace guest::machine {
namespace {

struct Registers {
  std::uint64_t base;

  [[nodiscard]] auto get(unsigned index) const -> std::uint8_t {
    return *reinterpret_cast<const volatile std::uint8_t*>(base + index);
  }
  void set(unsigned index, std::uint8_t value) const {
    *reinterpret_cast<volatile std::uint8_t*>(base + index) = value;
  }
};

auto uart() -> Uart16550<Registers> {
  return {Registers{boot_info().serial_port_base}};
}

// The console of SBI 0.1, which every OpenSBI has.
constexpr std::uint64_t kConsolePutchar = 1;
constexpr std::uint64_t kConsoleGetchar = 2;

auto legacy_sbi(std::uint64_t extension, std::uint64_t argument) -> std::int64_t {
  register std::uint64_t a0 asm("a0") = argument;
  register std::uint64_t a7 asm("a7") = extension;
  asm volatile("ecall" : "+r"(a0) : "r"(a7) : "memory");
  return static_cast<std::int64_t>(a0);
}

}  // namespace

// semihosting_exit: this EBREAK between two instructions that do nothing is a call to the debugger or to QEMU, with
// -semihosting; otherwise it is an exception, whose vector asks SBI to shut down (SRST), which gives no code.
asm(R"(
  .pushsection .text.semihosting, "ax", @progbits
  .option push
  .option norvc
  .balign 4
shutdown_vector:
  li a7, 0x53525354
  li a6, 0
  li a0, 0
  li a1, 0
  ecall
  j .
  .balign 32
  .type semihosting_exit, @function
semihosting_exit:
  lla t0, shutdown_vector
  csrw stvec, t0
  mv a1, a0
  li a0, 0x20
  .balign 16
  slli x0, x0, 0x1f
  ebreak
  srai x0, x0, 7
  j .
  .option pop
  .popsection
)");
extern "C" [[noreturn]] void semihosting_exit(const std::uint64_t* block);

void serial_write(std::byte byte) {
  if (boot_info().serial_port_base != 0) {
    uart().write(byte);
  } else {
    legacy_sbi(kConsolePutchar, static_cast<std::uint64_t>(byte));
  }
}

auto serial_read() -> std::optional<std::byte> {
  if (boot_info().serial_port_base != 0) return uart().read();
  const auto character = legacy_sbi(kConsoleGetchar, 0);
  if (character < 0) return std::nullopt;
  return static_cast<std::byte>(character);
}

// SYS_EXIT_EXTENDED with ADP_Stopped_ApplicationExit.
void power_off(int code) {
  const std::uint64_t block[] = {0x20026, static_cast<std::uint32_t>(code)};
  semihosting_exit(block);
}

void halt() {
  for (;;) asm volatile("wfi");
}

}  // namespace guest::machine
