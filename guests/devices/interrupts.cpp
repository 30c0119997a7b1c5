#include "guests/devices/interrupts.hpp"

#include <array>

#include "guests/devices/address_space.hpp"
#include "guests/devices/clock.hpp"
#include "guests/devices/port.hpp"
#include "guests/runtime/guest.hpp"

namespace guest::interrupts {
namespace {

constexpr std::size_t kVectors = 64;
constexpr std::size_t kExceptions = 32;
constexpr std::uint8_t kTimerVector = 0x30;
constexpr std::uint8_t kSpuriousVector = 0x3f;

// Intel SDM volume 3, 6.14.1.
struct Gate {
  std::uint16_t offset_low;
  std::uint16_t selector;
  std::uint16_t attributes;
  std::uint16_t offset_middle;
  std::uint32_t offset_high;
  std::uint32_t reserved;
};
static_assert(sizeof(Gate) == 16);

struct [[gnu::packed]] TablePointer {
  std::uint16_t limit;
  std::uint64_t base;
};

constinit std::array<Gate, kVectors> gates{};

// Both kinds of local APIC have the same registers. The newer one has them in MSRs.
class LocalApic {
 public:
  static constexpr std::uint32_t kId = 0x20;
  static constexpr std::uint32_t kTaskPriority = 0x80;
  static constexpr std::uint32_t kEnd = 0xb0;
  static constexpr std::uint32_t kSpurious = 0xf0;
  static constexpr std::uint32_t kTimer = 0x320;
  static constexpr std::uint32_t kTimerStart = 0x380;
  static constexpr std::uint32_t kTimerNow = 0x390;
  static constexpr std::uint32_t kTimerDivisor = 0x3e0;

  void start() {
    constexpr std::uint64_t kEnabled = 1 << 11;
    constexpr std::uint64_t kInMsrs = 1 << 10;
    constexpr std::uint64_t kAddress = 0xf'ffff'f000;
    auto base = read_msr(kBaseMsr);
    if ((base & kEnabled) == 0) write_msr(kBaseMsr, base |= kEnabled);
    if (has_x2apic()) write_msr(kBaseMsr, base |= kInMsrs);
    is_in_msrs_ = (base & kInMsrs) != 0;
    if (!is_in_msrs_) {
      map_device(base & kAddress, 0x1000);
      registers_ = Mmio{base & kAddress};
    }
    set(kSpurious, 0x100 | kSpuriousVector);
    set(kTaskPriority, 0);
  }

  [[nodiscard]] auto id() const -> std::uint32_t { return is_in_msrs_ ? get(kId) : get(kId) >> 24; }
  [[nodiscard]] auto get(std::uint32_t offset) const -> std::uint32_t {
    return is_in_msrs_ ? static_cast<std::uint32_t>(read_msr(msr(offset))) : registers_.get<std::uint32_t>(offset);
  }
  void set(std::uint32_t offset, std::uint32_t value) const {
    is_in_msrs_ ? write_msr(msr(offset), value) : registers_.set(offset, value);
  }

 private:
  static constexpr std::uint32_t kBaseMsr = 0x1b;

  static auto msr(std::uint32_t offset) -> std::uint32_t { return 0x800 + (offset >> 4); }
  static auto read_msr(std::uint32_t number) -> std::uint64_t {
    std::uint32_t low;
    std::uint32_t high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
    return static_cast<std::uint64_t>(high) << 32 | low;
  }
  static void write_msr(std::uint32_t number, std::uint64_t value) {
    asm volatile("wrmsr"
                 :
                 : "a"(static_cast<std::uint32_t>(value)), "d"(static_cast<std::uint32_t>(value >> 32)), "c"(number)
                 : "memory");
  }
  static auto has_x2apic() -> bool {
    std::uint32_t a = 1;
    std::uint32_t b;
    std::uint32_t c = 0;
    std::uint32_t d;
    asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return (c >> 21 & 1) != 0;
  }

  bool is_in_msrs_ = false;
  Mmio registers_;
};

constinit LocalApic apic{};
constinit Mmio line_acknowledge{};
constinit std::uint64_t taken = 0;
constinit std::uint64_t timer_ticks_per_millisecond = 0;

// Masks the old interrupt controllers, because their timer may be running.
void mask_old_controllers() {
  port::out8(0x21, 0xff);
  port::out8(0xa1, 0xff);
}

// Measures the frequency of the timer, which counts down, with the clock.
void measure_timer() {
  constexpr std::uint64_t kTime = 2000;     // microseconds
  apic.set(LocalApic::kTimerDivisor, 0x3);  // divide by 16
  apic.set(LocalApic::kTimer, 1 << 16 | kTimerVector);
  apic.set(LocalApic::kTimerStart, ~0U);
  const auto begin = now_microseconds();
  std::uint64_t took = 0;
  while (took < kTime) took = now_microseconds() - begin;
  const std::uint64_t ticks = ~0U - apic.get(LocalApic::kTimerNow);
  apic.set(LocalApic::kTimerStart, 0);
  timer_ticks_per_millisecond = ticks * 1000 / took;
  if (timer_ticks_per_millisecond == 0) fail("net: the timer of the local APIC does not run");
  apic.set(LocalApic::kTimer, kTimerVector);
}

}  // namespace

// Code of 16 bytes for each vector. Each leaves the same stack: vector, error code, values that the CPU has pushed.
// Saves the registers that a function may change.
asm(R"(
  .pushsection .text.interrupts, "ax", @progbits
  .balign 16
  .globl interrupt_entries
  .hidden interrupt_entries
interrupt_entries:
  .set vector, 0
  .rept 64
    .balign 16
    .if vector > 31 || ((0x60227d00 >> vector) & 1) == 0
      push $0
    .endif
    push $vector
    jmp interrupt_common
    .set vector, vector + 1
  .endr
  .balign 16
interrupt_common:
  push %rax
  push %rcx
  push %rdx
  push %rsi
  push %rdi
  push %r8
  push %r9
  push %r10
  push %r11
  mov 72(%rsp), %rdi
  mov 88(%rsp), %rsi
  cld
  call interrupt_taken
  pop %r11
  pop %r10
  pop %r9
  pop %r8
  pop %rdi
  pop %rsi
  pop %rdx
  pop %rcx
  pop %rax
  add $16, %rsp
  iretq
  .popsection
)");
extern "C" const char interrupt_entries[];

extern "C" [[gnu::used]] void interrupt_taken(std::uint64_t vector, std::uint64_t address) {
  if (vector < kExceptions) {
    Line line;
    line.append("net: exception ").append_decimal(vector).append(" at ").append_hex(address);
    fail(line);
  }
  if (vector == kSpuriousVector) return;
  if (vector != kTimerVector) ++taken;
  if (vector == kLineVector) static_cast<void>(line_acknowledge.get<std::uint8_t>(0));
  apic.set(LocalApic::kEnd, 0);
}

void start() {
  constexpr std::uint16_t kInterruptGate = 0x8e00;
  std::uint16_t selector;
  asm volatile("mov %%cs, %0" : "=r"(selector));
  for (std::size_t i = 0; i < kVectors; ++i) {
    const auto address = reinterpret_cast<std::uint64_t>(&interrupt_entries[16 * i]);
    gates[i] = {.offset_low = static_cast<std::uint16_t>(address),
                .selector = selector,
                .attributes = kInterruptGate,
                .offset_middle = static_cast<std::uint16_t>(address >> 16),
                .offset_high = static_cast<std::uint32_t>(address >> 32),
                .reserved = 0};
  }
  const TablePointer pointer{.limit = sizeof gates - 1, .base = reinterpret_cast<std::uint64_t>(gates.data())};
  asm volatile("lidt %0" : : "m"(pointer));
  mask_old_controllers();
  apic.start();
  measure_timer();
}

void take_line(std::uint8_t pin, bool is_active_low, const Mmio& acknowledge) {
  constexpr std::uint64_t kIoApic = 0xfec0'0000;
  constexpr std::uint32_t kByLevel = 1 << 15;
  constexpr std::uint32_t kActiveLow = 1 << 13;
  constexpr std::uint64_t kSelect = 0x00;
  constexpr std::uint64_t kWindow = 0x10;
  constexpr std::uint32_t kFirstEntry = 0x10;
  line_acknowledge = acknowledge;
  map_device(kIoApic, 0x20);
  const Mmio io_apic{kIoApic};
  const auto set = [&](std::uint32_t index, std::uint32_t value) {
    io_apic.set(kSelect, index);
    io_apic.set(kWindow, value);
  };
  set(kFirstEntry + 2U * pin + 1, apic.id() << 24);
  set(kFirstEntry + 2U * pin, kByLevel | (is_active_low ? kActiveLow : 0) | kLineVector);
}

auto message_for(std::uint8_t vector) -> Message {
  return {.address = 0xfee0'0000 | static_cast<std::uint64_t>(apic.id()) << 12, .data = vector};
}

void wait(std::optional<std::uint64_t> microseconds) {
  if (microseconds) {
    constexpr std::uint64_t kLongest = 1'000'000;
    const auto time = *microseconds < kLongest ? *microseconds : kLongest;
    const auto ticks = time * timer_ticks_per_millisecond / 1000 + 1;
    apic.set(LocalApic::kTimerStart, ticks < ~0U ? static_cast<std::uint32_t>(ticks) : ~0U);
  }
  // No interrupt can arrive between the first two instructions.
  asm volatile("sti; hlt; cli" : : : "memory");
  if (microseconds) apic.set(LocalApic::kTimerStart, 0);
}

auto count() -> std::uint64_t {
  return taken;
}

}  // namespace guest::interrupts
