// Short strings without a heap: error messages and versions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "hermitage/entry/compiler.hpp"

namespace hermitage::entry {

// The index of the first `wanted` in `text`, or text.size(). string_view::find would call memchr, which a boot loader
// may not have.
[[nodiscard]] constexpr auto index_of(std::string_view text, char wanted) noexcept -> std::size_t {
  std::size_t index = 0;
  while (index < text.size() && text[index] != wanted) ++index;
  return index;
}

// A string of at most Capacity - 1 characters with a NUL at the end, stored in the object. Longer strings are
// truncated.
template <std::size_t Capacity>
class FixedText {
 public:
  constexpr auto append(std::string_view text) noexcept -> FixedText& {
    for (const char character : text) append(character);
    return *this;
  }

  constexpr auto append(char character) noexcept -> FixedText& {
    if (size_ + 1 < Capacity) text_[size_++] = character;
    return *this;
  }

  constexpr auto append_decimal(std::uint64_t value) noexcept -> FixedText& { return append_digits(value, 10); }

  constexpr auto append_hex(std::uint64_t value) noexcept -> FixedText& { return append("0x").append_bare_hex(value); }

  // Without the "0x", as in the names of a device tree.
  constexpr auto append_bare_hex(std::uint64_t value) noexcept -> FixedText& { return append_digits(value, 16); }

  [[nodiscard]] constexpr auto view() const noexcept HERMITAGE_LIFETIMEBOUND -> std::string_view {
    return {text_, size_};
  }
  [[nodiscard]] constexpr auto c_str() const noexcept HERMITAGE_LIFETIMEBOUND -> const char* { return text_; }
  // NOLINTNEXTLINE(google-explicit-constructor)
  constexpr operator std::string_view() const noexcept HERMITAGE_LIFETIMEBOUND { return view(); }

 private:
  constexpr auto append_digits(std::uint64_t value, unsigned base) noexcept -> FixedText& {
    char digits[20] = {};
    std::size_t count = 0;
    do {
      digits[count++] = "0123456789abcdef"[value % base];
      value /= base;
    } while (value != 0);
    while (count > 0) append(digits[--count]);
    return *this;
  }

  char text_[Capacity] = {};
  std::size_t size_ = 0;
};

}  // namespace hermitage::entry
