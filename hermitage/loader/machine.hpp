// What the common part asks of the machine that it runs on. Each arch/ARCH has these, and UEFI has its own.
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

// Ends the machine such that whoever started it sees a failure, as far as the machine has a way to tell.
[[noreturn]] void stop_failed() noexcept;

}  // namespace hermitage::loader::machine
