// Sizes and addresses as users write them, in options and in configuration files.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hermitage::entry {

// A decimal or 0x-hexadecimal number, then, with or without a space, one of K, KB, KiB … T, TB, TiB in any case,
// all of which are powers of 1024, as QEMU and Docker read them. Nothing for anything else, and for more than
// 64 bits.
[[nodiscard]] auto parse_quantity(std::string_view text) noexcept -> std::optional<std::uint64_t>;

}  // namespace hermitage::entry
