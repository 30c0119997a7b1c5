// Console, end of the machine, and exceptions on machines with SBI (RISC-V Supervisor Binary Interface
// Specification).
#include "hermitage/loader/machine.hpp"

#include <cstdint>

#include "hermitage/loader/arch/riscv64/sbi.hpp"
#include "hermitage/loader/log.hpp"

namespace hermitage::loader {
namespace {

constexpr std::uint64_t kPutchar = 0x01;  // legacy
constexpr std::uint64_t kBase = 0x10;
constexpr std::uint64_t kDebugConsole = 0x4442434e;  // "DBCN"
constexpr std::uint64_t kReset = 0x53525354;         // "SRST"

struct SbiResult {
  std::int64_t error;
  std::uint64_t value;
};

auto sbi(std::uint64_t extension, std::uint64_t function, std::uint64_t first = 0, std::uint64_t second = 0,
         std::uint64_t third = 0) noexcept -> SbiResult {
  register std::uint64_t a0 asm("a0") = first;
  register std::uint64_t a1 asm("a1") = second;
  register std::uint64_t a2 asm("a2") = third;
  register std::uint64_t a6 asm("a6") = function;
  register std::uint64_t a7 asm("a7") = extension;
  asm volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
  return {static_cast<std::int64_t>(a0), a1};
}

auto has_extension(std::uint64_t extension) noexcept -> bool {
  constexpr std::uint64_t kProbe = 3;
  const auto result = sbi(kBase, kProbe, extension);
  return result.error == 0 && result.value != 0;
}

constinit bool has_debug_console = false;
constinit std::optional<GuestAddress> test_device;

}  // namespace

namespace riscv64 {

auto set_up_machine() noexcept -> std::string_view {
  has_debug_console = has_extension(kDebugConsole);
  if (has_debug_console) return {};
  return "the firmware has no debug console (SBI 2.0), so Hermit 0.8 and later print nothing; use OpenSBI 1.3 or later "
         "(QEMU: -bios FILE)";
}

void set_test_device(GuestAddress address) noexcept {
  test_device = address;
}

}  // namespace riscv64

namespace machine {

void write_console(std::string_view text) noexcept {
  if (has_debug_console) {
    constexpr std::uint64_t kWrite = 0;
    while (!text.empty()) {
      const auto result = sbi(kDebugConsole, kWrite, text.size(), reinterpret_cast<std::uintptr_t>(text.data()));
      if (result.error != 0 || result.value == 0 || result.value > text.size()) return;
      text.remove_prefix(result.value);
    }
    return;
  }
  for (const char character : text) sbi(kPutchar, 0, static_cast<unsigned char>(character));
}

// SBI can report a failure, but QEMU then still ends with status 0. QEMU's test device returns another status.
void stop_failed() noexcept {
  if (test_device) {
    constexpr std::uint32_t kFailedWithCode1 = 1 << 16 | 0x3333;
    const auto address = test_device->value;
    test_device.reset();
    *reinterpret_cast<volatile std::uint32_t*>(address) = kFailedWithCode1;
  }
  constexpr std::uint64_t kSystemReset = 0;
  constexpr std::uint64_t kShutdown = 0;
  constexpr std::uint64_t kSystemFailure = 1;
  sbi(kReset, kSystemReset, kShutdown, kSystemFailure);
  for (;;) asm volatile("wfi");
}

}  // namespace machine
}  // namespace hermitage::loader

extern "C" [[noreturn]] void on_exception(std::uint64_t cause, std::uint64_t instruction, std::uint64_t value) {
  using namespace hermitage::loader;
  LogLine{LogLevel::error}
      .text("exception ")
      .decimal(cause)
      .text(" at ")
      .hex(instruction)
      .text(", address or instruction ")
      .hex(value);
  machine::stop_failed();
}
