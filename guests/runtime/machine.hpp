// What a bare machine has in the place of hypercalls. One source per architecture.
#pragma once

#include <cstddef>
#include <optional>

namespace guest::machine {

void serial_write(std::byte byte);
[[nodiscard]] auto serial_read() -> std::optional<std::byte>;  // nothing: not yet

// Stops the machine with an exit code where there is a way to give one. See guests/README.md.
[[noreturn]] void power_off(int code);

// Waits forever.
[[noreturn]] void halt();

}  // namespace guest::machine
