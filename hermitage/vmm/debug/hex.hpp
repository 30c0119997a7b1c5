// Bytes and numbers in the format of GDB's protocol: hexadecimal digits.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace hermitage::vmm::debug {

[[nodiscard]] inline auto to_hex(std::span<const std::byte> bytes) -> std::string {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const auto byte : bytes) fmt::format_to(std::back_inserter(text), "{:02x}", std::to_integer<unsigned>(byte));
  return text;
}

[[nodiscard]] inline auto to_hex(std::string_view text) -> std::string {
  return to_hex(std::as_bytes(std::span{text}));
}

// Parses a number of at most 64 bits. Returns nothing if other characters precede or follow it.
[[nodiscard]] inline auto parse_hex(std::string_view text) -> std::optional<std::uint64_t> {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size() || text.starts_with('-')) return std::nullopt;
  return value;
}

// Parses two digits for each byte.
[[nodiscard]] inline auto parse_hex_bytes(std::string_view text) -> std::optional<std::vector<std::byte>> {
  if (text.size() % 2 != 0) return std::nullopt;
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto value = parse_hex(text.substr(i, 2));
    if (!value) return std::nullopt;
    bytes.push_back(static_cast<std::byte>(*value));
  }
  return bytes;
}

// Removes the part before the first `separator`, and the separator, from `text`. Returns the part, or all of `text` if
// there is no separator.
[[nodiscard]] inline auto take_until(std::string_view& text, char separator) -> std::string_view {
  const auto part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(text.size(), part.size() + 1));
  return part;
}

}  // namespace hermitage::vmm::debug
