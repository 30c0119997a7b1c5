#include "hermitage/entry/utf8.hpp"

#include <cstddef>
#include <cstdint>

namespace hermitage::entry {
namespace {

// The size in bytes of a UTF-8 character with this first byte; 0 if no character begins with it.
auto utf8_size(unsigned char first) noexcept -> std::size_t {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  if (first >= 0xf0 && first < 0xf5) return 4;
  return 0;
}

}  // namespace

auto is_utf8(std::string_view text) noexcept -> bool {
  while (!text.empty()) {
    const auto size = utf8_size(static_cast<unsigned char>(text.front()));
    if (size == 0 || size > text.size()) return false;
    std::uint32_t code = static_cast<unsigned char>(text.front()) & (size == 1 ? 0x7fU : 0xffU >> (size + 1));
    for (std::size_t i = 1; i < size; ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      if ((byte & 0xc0U) != 0x80U) return false;
      code = code << 6 | (byte & 0x3fU);
    }
    // An overlong form, a surrogate, or a value above the last character.
    if ((size == 3 && code < 0x800) || (size == 4 && code < 0x10000) || (code >= 0xd800 && code < 0xe000) ||
        code > 0x10ffff) {
      return false;
    }
    text.remove_prefix(size);
  }
  return true;
}

}  // namespace hermitage::entry
