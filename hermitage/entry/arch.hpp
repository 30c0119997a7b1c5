// The architectures that Hermit supports.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "hermitage/entry/bytes.hpp"

namespace hermitage::entry {

enum class Arch : std::uint8_t { x86_64, aarch64, riscv64 };

// The architecture for e_machine of an ELF file. Returns nothing for a machine that Hermit does not support.
[[nodiscard]] auto arch_of_machine(std::uint16_t e_machine) noexcept -> std::optional<Arch>;

// "x86_64", "aarch64" or "riscv64".
[[nodiscard]] auto name(Arch arch) noexcept -> std::string_view;

// "little" or "big".
[[nodiscard]] auto name(Endian endian) noexcept -> std::string_view;

// Hermit is little endian on every architecture. aarch64 also has a big-endian port (aarch64_be).
[[nodiscard]] auto supports(Arch arch, Endian endian) noexcept -> bool;

}  // namespace hermitage::entry
