// Sizes and addresses in the syntax of options and configuration files.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hermitage::entry {

// A decimal or 0x-hexadecimal number, then optionally a space and one of K, KB, KiB … T, TB, TiB in any case. All
// units are powers of 1024, as in QEMU and Docker. Returns nothing for other strings, and for values above 64 bits.
[[nodiscard]] auto parse_quantity(std::string_view text) noexcept -> std::optional<std::uint64_t>;

}  // namespace hermitage::entry
