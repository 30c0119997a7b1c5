#include "guests/runtime/device_tree.hpp"
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

// The console of SBI 0.1, which every OpenSBI supports.
constexpr std::uint64_t kConsolePutchar = 1;
constexpr std::uint64_t kConsoleGetchar = 2;

auto legacy_sbi(std::uint64_t extension, std::uint64_t argument) -> std::int64_t {
  register std::uint64_t a0 asm("a0") = argument;
  register std::uint64_t a7 asm("a7") = extension;
  asm volatile("ecall" : "+r"(a0) : "r"(a7) : "memory");
  return static_cast<std::int64_t>(a0);
}

// SBI passes no exit code.
[[noreturn]] void shut_down() {
  constexpr std::uint64_t kSystemReset = 0x53525354;  // "SRST"
  register std::uint64_t a0 asm("a0") = 0;
  register std::uint64_t a1 asm("a1") = 0;
  register std::uint64_t a6 asm("a6") = 0;
  register std::uint64_t a7 asm("a7") = kSystemReset;
  asm volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a6), "r"(a7) : "memory");
  halt();
}

auto contains(std::string_view text, std::string_view part) -> bool {
  for (; text.size() >= part.size(); text.remove_prefix(1)) {
    if (text.starts_with(part)) return true;
  }
  return false;
}

// The address of QEMU's device for the exit code, from the device tree. The addresses there have 64 bits.
auto test_device() -> std::optional<std::uint64_t> {
  constexpr std::string_view kName = "sifive,test0";
  std::optional<std::uint64_t> address;
  bool is_it = false;
  if (const auto tree = DeviceTree::of_boot_info()) {
    tree->walk([&](const DeviceTree::Item& item) {
      if (item.kind != DeviceTree::Kind::property) {
        is_it = false;
        address.reset();
      } else if (item.name == "compatible") {
        is_it = contains(item.value.text(), kName);
      } else if (item.name == "reg" && item.value.size() >= sizeof(std::uint64_t)) {
        address = item.value.get<std::uint64_t>(0);
      }
      return !is_it || !address;
    });
  }
  return is_it ? address : std::nullopt;
}

}  // namespace

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

// FINISHER_FAIL, whose code can also be 0.
void power_off(int code) {
  constexpr std::uint32_t kFail = 0x3333;
  if (const auto address = test_device()) {
    *reinterpret_cast<volatile std::uint32_t*>(*address) = static_cast<std::uint32_t>(code) << 16 | kFail;
  }
  shut_down();
}

void halt() {
  for (;;) asm volatile("wfi");
}

}  // namespace guest::machine
