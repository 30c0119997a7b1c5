// Interrupts on x86_64: an interrupt table, the local APIC and its timer, the I/O APIC. The guest enables interrupts
// only while it waits, so they never interrupt other code.
#pragma once

#include <cstdint>
#include <optional>

#include "guests/devices/mmio.hpp"

namespace guest::interrupts {

inline constexpr std::uint8_t kLineVector = 0x31;
inline constexpr std::uint8_t kFirstMessageVector = 0x32;

// Enables the handling of exceptions, which end the guest, and of interrupts. The clock must be started.
void start();

// Enables level-triggered interrupts of the I/O APIC's pin. Reading one byte from `acknowledge` lowers the line.
void take_line(std::uint8_t pin, bool is_active_low, const Mmio& acknowledge);

// The message that a device writes to raise the interrupt of `vector`.
struct Message {
  std::uint64_t address;
  std::uint32_t data;
};
[[nodiscard]] auto message_for(std::uint8_t vector) -> Message;

// Waits for an interrupt, or for this many microseconds.
void wait(std::optional<std::uint64_t> microseconds);

// The number of device interrupts so far.
[[nodiscard]] auto count() -> std::uint64_t;

}  // namespace guest::interrupts
