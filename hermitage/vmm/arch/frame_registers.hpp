// The registers that unwind information refers to, on each architecture.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace hermitage::vmm {

// In DWARF's order, which inspect::FrameRegisters describes. Nothing for numbers that the architecture does not use.
using FrameRegisterValues = std::array<std::optional<std::uint64_t>, 33>;

}  // namespace hermitage::vmm
