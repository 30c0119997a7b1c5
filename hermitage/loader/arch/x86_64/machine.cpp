// Console, end of the machine, and exceptions on PCs and similar machines.
#include "hermitage/loader/machine.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

#include "hermitage/loader/arch/x86_64/pc.hpp"
#include "hermitage/loader/log.hpp"

extern "C" {
extern const std::byte exception_stubs[];
extern const std::byte empty_idt[];
}

namespace hermitage::loader {
namespace {

// A 16550 (COM1).
constexpr std::uint16_t kData = x86_64::kSerialPort;
constexpr std::uint16_t kInterrupts = x86_64::kSerialPort + 1;
constexpr std::uint16_t kFifo = x86_64::kSerialPort + 2;
constexpr std::uint16_t kLineControl = x86_64::kSerialPort + 3;
constexpr std::uint16_t kLineStatus = x86_64::kSerialPort + 5;
constexpr std::uint8_t kDivisorLatch = 0x80;
constexpr std::uint8_t kEightBits = 0x03;
constexpr std::uint8_t kTransmitterEmpty = 0x20;
constexpr std::uint8_t kNoPort = 0xff;

// QEMU's isa-debug-exit: ends with status (value << 1) | 1.
constexpr std::uint16_t kDebugExit = 0xf4;
constexpr std::uint32_t kFailed = 0;

void out(std::uint16_t port, std::uint8_t value) noexcept {
  asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

void out(std::uint16_t port, std::uint32_t value) noexcept {
  asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

auto in(std::uint16_t port) noexcept -> std::uint8_t {
  std::uint8_t value = 0;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

constinit bool has_console = false;

void set_up_console() noexcept {
  out(kInterrupts, std::uint8_t{0});
  out(kLineControl, kDivisorLatch);
  out(kData, std::uint8_t{1});  // 115,200 baud
  out(kInterrupts, std::uint8_t{0});
  out(kLineControl, kEightBits);
  out(kFifo, std::uint8_t{0xc7});  // enabled and emptied
  has_console = in(kLineStatus) != kNoPort;
}

// The number of characters that the port accepts before its state must be checked again.
constexpr int kFifoSize = 16;
constinit int fifo_room = 0;

void wait_for_room() noexcept {
  // The loader must start the kernel even if the serial port never becomes ready.
  constexpr int kPatience = 100'000;
  for (int i = 0; i < kPatience && (in(kLineStatus)&kTransmitterEmpty) == 0; ++i) asm volatile("pause");
  fifo_room = kFifoSize;
}

void write(char character) noexcept {
  if (fifo_room == 0) wait_for_room();
  --fifo_room;
  out(kData, static_cast<std::uint8_t>(character));
}

// Interrupt gates of the code segment.
struct Gate {
  std::uint16_t offset_low;
  std::uint16_t selector;
  std::uint16_t flags;
  std::uint16_t offset_middle;
  std::uint32_t offset_high;
  std::uint32_t reserved;
};

constexpr std::size_t kExceptions = 32;
constexpr std::uintptr_t kStubSize = 16;

constinit std::array<Gate, kExceptions> gates{};

void load_idt(const void* pointer) noexcept {
  asm volatile("lidt (%0)" : : "r"(pointer) : "memory");
}

void catch_exceptions() noexcept {
  constexpr std::uint16_t kCode = 8;
  constexpr std::uint16_t kPresentInterruptGate = 0x8e00;
  for (std::size_t i = 0; i < gates.size(); ++i) {
    const auto stub = reinterpret_cast<std::uintptr_t>(exception_stubs) + i * kStubSize;
    gates[i] = {.offset_low = static_cast<std::uint16_t>(stub),
                .selector = kCode,
                .flags = kPresentInterruptGate,
                .offset_middle = static_cast<std::uint16_t>(stub >> 16),
                .offset_high = static_cast<std::uint32_t>(stub >> 32),
                .reserved = 0};
  }
  struct [[gnu::packed]] {
    std::uint16_t limit = sizeof gates - 1;
    const Gate* base = gates.data();
  } pointer;
  load_idt(&pointer);
}

}  // namespace

namespace x86_64 {

void set_up_machine() noexcept {
  set_up_console();
  catch_exceptions();
}

void drain_console() noexcept {
  if (has_console) wait_for_room();
}

}  // namespace x86_64

namespace machine {

void write_console(std::string_view text) noexcept {
  if (!has_console) return;
  for (const char character : text) {
    if (character == '\n') write('\r');
    write(character);
  }
}

// Without QEMU's device, there is no exit status: an exception without a handler resets the machine.
void stop_failed() noexcept {
  out(kDebugExit, kFailed);
  load_idt(empty_idt);
  for (;;) asm volatile("int3");
}

}  // namespace machine
}  // namespace hermitage::loader

// The stack in an exception.
struct ExceptionFrame {
  std::uint64_t vector;
  std::uint64_t error_code;
  std::uint64_t instruction;
};

extern "C" [[noreturn]] void on_exception(const ExceptionFrame* frame, std::uint64_t fault_address) {
  using namespace hermitage::loader;
  LogLine{LogLevel::error}
      .text("exception ")
      .decimal(frame->vector)
      .text(" (error code ")
      .hex(frame->error_code)
      .text(") at ")
      .hex(frame->instruction)
      .text(", last page fault at ")
      .hex(fault_address);
  machine::stop_failed();
}
