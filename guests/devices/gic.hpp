// Interrupts on aarch64: one line of a GICv3, and the virtual timer. The guest always masks interrupts: it waits for a
// pending one, and then acknowledges it.
#pragma once

#include <cstdint>
#include <optional>

#include "guests/devices/mmio.hpp"

namespace guest::gic {

// Enables the interrupt line of the PCI function in this slot, as the device tree describes it. Reading one byte from
// `acknowledge` lowers the line. Returns false if the machine has no GICv3, or the function has no line.
[[nodiscard]] auto take_line(std::uint8_t slot, const Mmio& acknowledge) -> bool;

// Waits for an interrupt, or for this many microseconds. Precondition: take_line() has returned true.
void wait(std::optional<std::uint64_t> microseconds);

// The number of device interrupts so far.
[[nodiscard]] auto count() -> std::uint64_t;

}  // namespace guest::gic
