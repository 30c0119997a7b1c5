// Common code for PCs and similar microVMs.
#pragma once

#include <cstdint>

namespace hermitage::loader::x86_64 {

inline constexpr std::uint16_t kSerialPort = 0x3f8;  // COM1

// Sets up the console and the exception handlers, which print a line and end the machine.
void set_up_machine() noexcept;

// Waits until all output is sent. A kernel that sets up the port again discards the rest.
void drain_console() noexcept;

}  // namespace hermitage::loader::x86_64
