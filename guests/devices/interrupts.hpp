// Interrupts of x86_64: a table of its own, the local APIC and its timer, the I/O APIC. They are taken only while the
// guest waits, so that nothing it does is ever interrupted.
#pragma once

#include <cstdint>
#include <optional>

#include "guests/devices/mmio.hpp"

namespace guest::interrupts {

inline constexpr std::uint8_t kLineVector = 0x31;
inline constexpr std::uint8_t kFirstMessageVector = 0x32;

// Takes exceptions, which end the guest from now on, and interrupts. The clock must run.
void start();

// Takes interrupts of the I/O APIC's pin, by level. Reading `acknowledge`, one byte, lowers the line.
void take_line(std::uint8_t pin, bool is_active_low, const Mmio& acknowledge);

// What a device has to write for the interrupt of `vector`.
struct Message {
  std::uint64_t address;
  std::uint32_t data;
};
[[nodiscard]] auto message_for(std::uint8_t vector) -> Message;

// Waits for an interrupt, or for so many microseconds.
void wait(std::optional<std::uint64_t> microseconds);

// Interrupts of devices that were taken.
[[nodiscard]] auto count() -> std::uint64_t;

}  // namespace guest::interrupts
