#include "guests/runtime/guest.hpp"
#include "guests/runtime/machine.hpp"

namespace guest::machine {
namespace {

// A PL011 that the boot loader has set up.
constexpr std::uint64_t kData = 0x00;
constexpr std::uint64_t kFlags = 0x18;
constexpr std::uint32_t kReceiveEmpty = 1 << 4;
constexpr std::uint32_t kTransmitFull = 1 << 5;

auto uart(std::uint64_t offset) -> volatile std::uint32_t* {
  return reinterpret_cast<volatile std::uint32_t*>(boot_info().serial_port_base + offset);
}

// Converts to and from little endian, the byte order of devices for every kernel.
template <class T>
auto little(T value) -> T {
  return entry::kNativeEndian == entry::Endian::big ? entry::swap_bytes(value) : value;
}

auto get(std::uint64_t offset) -> std::uint32_t {
  return little(*uart(offset));
}
void set(std::uint64_t offset, std::uint32_t value) {
  *uart(offset) = little(value);
}

}  // namespace

// semihosting_exit: HLT 0xf000 calls the debugger or QEMU (with -semihosting). Otherwise it raises an exception. The
// exception's vector calls PSCI to power off, without an exit code. There are 16 vectors of 128 bytes.
asm(R"(
  .pushsection .text.semihosting, "ax", @progbits
  .balign 2048
power_off_vectors:
  .rept 16
    .balign 128
    movz x0, #0x0008
    movk x0, #0x8400, lsl #16
    hvc #0
    b .
  .endr
  .type semihosting_exit, @function
semihosting_exit:
  adr x2, power_off_vectors
  msr vbar_el1, x2
  isb
  mov x1, x0
  mov w0, #0x20
  hlt #0xf000
  b .
  .popsection
)");
extern "C" [[noreturn]] void semihosting_exit(const std::uint64_t* block);

void serial_write(std::byte byte) {
  if (boot_info().serial_port_base == 0) return;
  while ((get(kFlags) & kTransmitFull) != 0) {
  }
  set(kData, static_cast<std::uint32_t>(byte));
}

auto serial_read() -> std::optional<std::byte> {
  if (boot_info().serial_port_base == 0 || (get(kFlags) & kReceiveEmpty) != 0) return std::nullopt;
  return static_cast<std::byte>(get(kData));
}

// SYS_EXIT_EXTENDED with ADP_Stopped_ApplicationExit. QEMU also reads the block in little endian.
void power_off(int code) {
  const std::uint64_t block[] = {little<std::uint64_t>(0x20026),
                                 little<std::uint64_t>(static_cast<std::uint32_t>(code))};
  semihosting_exit(block);
}

void halt() {
  for (;;) asm volatile("wfi");
}

}  // namespace guest::machine
