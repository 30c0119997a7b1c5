// Console, end of the machine, and exceptions on machines with a PL011 and PSCI.
#include "hermitage/loader/machine.hpp"

#include <cstdint>

#include "hermitage/loader/arch/aarch64/pl011.hpp"
#include "hermitage/loader/log.hpp"

extern "C" {
[[noreturn]] void semihosting_exit(const std::uint64_t* block);
[[noreturn]] void psci_off_by_hvc();
[[noreturn]] void psci_off_by_smc();
}

namespace hermitage::loader {
namespace {

constinit std::uint64_t console = 0;

// Converts to and from little endian, the byte order of devices and of QEMU's semihosting.
template <class T>
constexpr auto little(T value) noexcept -> T {
  return entry::kNativeEndian == entry::Endian::big ? entry::swap_bytes(value) : value;
}

auto console_register(std::uint64_t offset) noexcept -> volatile std::uint32_t* {
  return reinterpret_cast<volatile std::uint32_t*>(console + offset);
}

void write(char character) noexcept {
  constexpr std::uint64_t kData = 0x00;
  constexpr std::uint64_t kFlags = 0x18;
  constexpr std::uint32_t kTransmitFull = 1 << 5;
  // The loader must start the kernel even if the serial port never becomes ready.
  constexpr int kPatience = 100'000;
  for (int i = 0; i < kPatience && (little(*console_register(kFlags)) & kTransmitFull) != 0; ++i) {
  }
  *console_register(kData) = little(std::uint32_t{static_cast<unsigned char>(character)});
}

// The number of attempts to end the machine. An unsupported one raises an exception, and its handler tries the next.
constinit int ways_tried = 0;

}  // namespace

namespace aarch64 {

void set_console(GuestAddress address) noexcept {
  console = address.value;
}

}  // namespace aarch64

namespace machine {

void write_console(std::string_view text) noexcept {
  if (console == 0) return;
  for (const char character : text) {
    if (character == '\n') write('\r');
    write(character);
  }
}

// Only a debugger, or QEMU with -semihosting, can receive a status.
void stop_failed() noexcept {
  // ADP_Stopped_ApplicationExit, with code 1.
  constexpr std::uint64_t kApplicationExit = 0x20026;
  static constexpr std::uint64_t block[] = {little(kApplicationExit), little(std::uint64_t{1})};
  switch (ways_tried++) {
    case 0: semihosting_exit(block);
    case 1: psci_off_by_hvc();
    case 2: psci_off_by_smc();
    default:
      for (;;) asm volatile("wfi");
  }
}

}  // namespace machine
}  // namespace hermitage::loader

extern "C" [[noreturn]] void on_exception(std::uint64_t syndrome, std::uint64_t instruction, std::uint64_t address) {
  using namespace hermitage::loader;
  if (ways_tried == 0) {
    LogLine{LogLevel::error}
        .text("exception (syndrome ")
        .hex(syndrome)
        .text(") at ")
        .hex(instruction)
        .text(", fault address ")
        .hex(address);
  }
  machine::stop_failed();
}
