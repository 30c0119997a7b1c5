// The functions that the common part needs from the machine. Each arch/ARCH implements them, and UEFI has its own
// implementation.
#pragma once

#include <string_view>

#include "hermitage/entry/arch.hpp"

namespace hermitage::loader::machine {

#if defined(__x86_64__)
inline constexpr auto kArch = entry::Arch::x86_64;
#elif defined(__aarch64__)
inline constexpr auto kArch = entry::Arch::aarch64;
#elif defined(__riscv)
inline constexpr auto kArch = entry::Arch::riscv64;
#endif

// Lines end with "\n".
void write_console(std::string_view text) noexcept;

// Ends the machine with a failure status, if the machine supports one.
[[noreturn]] void stop_failed() noexcept;

}  // namespace hermitage::loader::machine
