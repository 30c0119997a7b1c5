// Addresses of Ethernet and IPv4.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "guests/network/wire.hpp"
#include "hermitage/entry/text.hpp"

namespace guest::network {

struct MacAddress {
  static constexpr std::size_t kSize = 6;
  std::array<std::uint8_t, kSize> bytes{};

  friend constexpr auto operator==(const MacAddress&, const MacAddress&) -> bool = default;
  [[nodiscard]] constexpr auto is_group() const -> bool { return (bytes[0] & 1) != 0; }
};

inline constexpr MacAddress kMacBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

// The first octet is the most significant byte.
struct Ipv4Address {
  std::uint32_t value = 0;

  friend constexpr auto operator==(Ipv4Address, Ipv4Address) -> bool = default;
  [[nodiscard]] constexpr auto is_none() const -> bool { return value == 0; }
  // Whether this can be the address of one host: not multicast, broadcast, loopback or the zero address.
  [[nodiscard]] constexpr auto is_host() const -> bool {
    return value >> 24 != 0 && value >> 24 != 127 && value >> 24 < 224;
  }
};

inline constexpr Ipv4Address kIpv4Broadcast{0xffff'ffff};

// The mask of a prefix of `prefix` bits, 0 to 32. Addresses with the same prefix are neighbours.
[[nodiscard]] constexpr auto mask_of(unsigned prefix) -> std::uint32_t {
  return prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix);
}

[[nodiscard]] inline auto get_mac(ConstBytes bytes, std::size_t at) -> MacAddress {
  MacAddress address;
  __builtin_memcpy(address.bytes.data(), bytes.data() + at, MacAddress::kSize);
  return address;
}
inline void put_mac(Bytes bytes, std::size_t at, const MacAddress& address) {
  __builtin_memcpy(bytes.data() + at, address.bytes.data(), MacAddress::kSize);
}

using AddressText = entry::FixedText<24>;

[[nodiscard]] inline auto text_of(const MacAddress& address) -> AddressText {
  AddressText text;
  for (std::size_t i = 0; i < address.bytes.size(); ++i) {
    if (i != 0) text.append(':');
    if (address.bytes[i] < 16) text.append('0');
    text.append_bare_hex(address.bytes[i]);
  }
  return text;
}

[[nodiscard]] inline auto text_of(Ipv4Address address) -> AddressText {
  AddressText text;
  for (unsigned shift = 24;; shift -= 8) {
    text.append_decimal(address.value >> shift & 0xff);
    if (shift == 0) return text;
    text.append('.');
  }
}

// Parses "10.0.5.3". Returns nothing for other strings.
[[nodiscard]] constexpr auto parse_ipv4_address(std::string_view text) -> std::optional<Ipv4Address> {
  std::uint32_t value = 0;
  for (int octet = 0; octet < 4; ++octet) {
    const auto end = entry::index_of(text, '.');
    if ((octet < 3) != (end < text.size()) || end == 0 || end > 3) return std::nullopt;
    std::uint32_t part = 0;
    for (const char digit : text.substr(0, end)) {
      if (digit < '0' || digit > '9') return std::nullopt;
      part = part * 10 + static_cast<std::uint32_t>(digit - '0');
    }
    if (part > 255) return std::nullopt;
    value = value << 8 | part;
    text.remove_prefix(octet < 3 ? end + 1 : end);
  }
  return Ipv4Address{value};
}

}  // namespace guest::network
