// What PCs have in common, and microVMs that resemble them.
#pragma once

#include <cstdint>

namespace hermitage::loader::x86_64 {

inline constexpr std::uint16_t kSerialPort = 0x3f8;  // COM1

// Sets up the console, and has exceptions end the machine with a line.
void set_up_machine() noexcept;

// Waits until all that was written is sent: a kernel that sets the port up anew throws away the rest.
void drain_console() noexcept;

}  // namespace hermitage::loader::x86_64
