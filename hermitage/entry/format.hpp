// What kind of file an image is, told by its first bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hermitage::entry {

enum class Format : std::uint8_t {
  unknown,
  elf,   // a kernel, perhaps: 7f 45 4c 46
  gzip,  // a packed Hermit image, perhaps: 1f 8b 08 (RFC 1952, deflate)
};

// Mirrors hermit_entry::detect_format; fewer than four bytes are of no format.
[[nodiscard]] auto detect_format(std::span<const std::byte> bytes) noexcept -> Format;

}  // namespace hermitage::entry
