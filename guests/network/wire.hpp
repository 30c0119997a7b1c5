// Big-endian integers in packets. The integer must be completely inside the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hermitage/entry/bytes.hpp"

namespace guest::network {

namespace entry = hermitage::entry;

using Bytes = std::span<std::byte>;
using ConstBytes = std::span<const std::byte>;

[[nodiscard]] inline auto get8(ConstBytes bytes, std::size_t at) -> std::uint8_t {
  return static_cast<std::uint8_t>(bytes[at]);
}
[[nodiscard]] inline auto get16(ConstBytes bytes, std::size_t at) -> std::uint16_t {
  return entry::read<std::uint16_t, entry::Endian::big>(bytes, at);
}
[[nodiscard]] inline auto get32(ConstBytes bytes, std::size_t at) -> std::uint32_t {
  return entry::read<std::uint32_t, entry::Endian::big>(bytes, at);
}
inline void put8(Bytes bytes, std::size_t at, std::uint8_t value) {
  bytes[at] = static_cast<std::byte>(value);
}
inline void put16(Bytes bytes, std::size_t at, std::uint16_t value) {
  entry::write<std::uint16_t, entry::Endian::big>(bytes, at, value);
}
inline void put32(Bytes bytes, std::size_t at, std::uint32_t value) {
  entry::write<std::uint32_t, entry::Endian::big>(bytes, at, value);
}

// Precondition: `from` fits in `to`.
inline void copy(Bytes to, ConstBytes from) {
  __builtin_memcpy(to.data(), from.data(), from.size());
}

}  // namespace guest::network
