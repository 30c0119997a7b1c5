// The stack that a kernel's boot processor starts on.
#pragma once

#include <cstddef>

namespace hermitage::loader {

// KERNEL_STACK_SIZE of the Hermit kernel, which on x86_64 and aarch64 goes to the top by itself.
inline constexpr std::size_t kBootStackSize = 0x8000;
inline constexpr std::size_t kBootStackAlignment = 4096;

}  // namespace hermitage::loader
