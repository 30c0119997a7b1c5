// Replacements for hypercalls on a bare machine. Each architecture has its own source file.
#pragma once

#include <cstddef>
#include <optional>

namespace guest::machine {

void serial_write(std::byte byte);
[[nodiscard]] auto serial_read() -> std::optional<std::byte>;  // nothing: no input yet

// Stops the machine, with an exit code if the machine supports that. See guests/README.md.
[[noreturn]] void power_off(int code);

// Waits forever.
[[noreturn]] void halt();

}  // namespace guest::machine
