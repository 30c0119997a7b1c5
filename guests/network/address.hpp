// Addresses of Ethernet, IPv4 and IPv6.
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
  // Whether this is the address of a multicast group of IPv6 (RFC 2464, 7).
  [[nodiscard]] constexpr auto is_ipv6_group() const -> bool { return bytes[0] == 0x33 && bytes[1] == 0x33; }
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

struct Ipv6Address {
  static constexpr std::size_t kSize = 16;
  std::array<std::uint8_t, kSize> bytes{};

  friend constexpr auto operator==(const Ipv6Address&, const Ipv6Address&) -> bool = default;
  [[nodiscard]] constexpr auto is_none() const -> bool { return *this == Ipv6Address{}; }
  [[nodiscard]] constexpr auto is_multicast() const -> bool { return bytes[0] == 0xff; }
  [[nodiscard]] constexpr auto is_link_local() const -> bool { return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80; }
  // Whether the address has this prefix of 64 bits.
  [[nodiscard]] constexpr auto is_in(const Ipv6Address& prefix) const -> bool {
    for (std::size_t i = 0; i < kSize / 2; ++i) {
      if (bytes[i] != prefix.bytes[i]) return false;
    }
    return true;
  }
};

// All hosts and all routers on a link, and the prefix of link-local addresses (RFC 4291, 2.7.1 and 2.5.6).
inline constexpr Ipv6Address kAllNodes{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
inline constexpr Ipv6Address kAllRouters{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};
inline constexpr Ipv6Address kLinkLocalPrefix{{0xfe, 0x80}};

// The address that a host with this MAC address takes under a prefix of 64 bits (RFC 4291, appendix A).
[[nodiscard]] constexpr auto address_under(const Ipv6Address& prefix, const MacAddress& mac) -> Ipv6Address {
  constexpr std::uint8_t kIsLocal = 2;
  auto address = prefix;
  for (std::size_t i = 0; i < 3; ++i) {
    address.bytes[8 + i] = mac.bytes[i];
    address.bytes[13 + i] = mac.bytes[3 + i];
  }
  address.bytes[8] ^= kIsLocal;
  address.bytes[11] = 0xff;
  address.bytes[12] = 0xfe;
  return address;
}

// The multicast group in which a host listens for neighbours that ask for its MAC address (RFC 4291, 2.7.1).
[[nodiscard]] constexpr auto solicited_node_of(const Ipv6Address& address) -> Ipv6Address {
  Ipv6Address group{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff}};
  for (std::size_t i = 13; i < Ipv6Address::kSize; ++i) group.bytes[i] = address.bytes[i];
  return group;
}

// The MAC address of a multicast group.
[[nodiscard]] constexpr auto mac_of_group(const Ipv6Address& group) -> MacAddress {
  return {{0x33, 0x33, group.bytes[12], group.bytes[13], group.bytes[14], group.bytes[15]}};
}

// An IPv4 or IPv6 address. An IPv4 address a.b.c.d is kept as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2), which no IPv6 packet
// may contain.
class IpAddress {
 public:
  constexpr IpAddress() = default;
  constexpr IpAddress(Ipv4Address address) {  // NOLINT(google-explicit-constructor): every IPv4 address is one
    value_.bytes[10] = value_.bytes[11] = 0xff;
    for (std::size_t i = 0; i < 4; ++i) value_.bytes[12 + i] = static_cast<std::uint8_t>(address.value >> (24 - 8 * i));
  }
  constexpr IpAddress(const Ipv6Address& address) : value_{address} {}  // NOLINT(google-explicit-constructor)

  friend constexpr auto operator==(const IpAddress&, const IpAddress&) -> bool = default;

  [[nodiscard]] constexpr auto is_ipv4() const -> bool {
    for (std::size_t i = 0; i < 10; ++i) {
      if (value_.bytes[i] != 0) return false;
    }
    return value_.bytes[10] == 0xff && value_.bytes[11] == 0xff;
  }
  // Precondition: is_ipv4().
  [[nodiscard]] constexpr auto ipv4() const -> Ipv4Address {
    std::uint32_t value = 0;
    for (std::size_t i = 12; i < Ipv6Address::kSize; ++i) value = value << 8 | value_.bytes[i];
    return {value};
  }
  [[nodiscard]] constexpr auto ipv6() const -> const Ipv6Address& { return value_; }

  [[nodiscard]] constexpr auto is_none() const -> bool { return value_.is_none() || *this == IpAddress{Ipv4Address{}}; }
  // Whether this can be the address of one host: not multicast, broadcast, loopback or none.
  [[nodiscard]] constexpr auto is_host() const -> bool {
    constexpr Ipv6Address kLoopback{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
    if (is_ipv4()) return ipv4().is_host();
    return !value_.is_none() && !value_.is_multicast() && value_ != kLoopback;
  }

 private:
  Ipv6Address value_;
};

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

[[nodiscard]] inline auto get_ipv6(ConstBytes bytes, std::size_t at) -> Ipv6Address {
  Ipv6Address address;
  __builtin_memcpy(address.bytes.data(), bytes.data() + at, Ipv6Address::kSize);
  return address;
}
inline void put_ipv6(Bytes bytes, std::size_t at, const Ipv6Address& address) {
  __builtin_memcpy(bytes.data() + at, address.bytes.data(), Ipv6Address::kSize);
}

using AddressText = entry::FixedText<40>;

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

// All eight groups: "fe80:0:0:0:5054:ff:fe12:3456".
[[nodiscard]] inline auto text_of(const Ipv6Address& address) -> AddressText {
  AddressText text;
  for (std::size_t i = 0; i < Ipv6Address::kSize; i += 2) {
    if (i != 0) text.append(':');
    text.append_bare_hex(static_cast<std::uint64_t>(address.bytes[i]) << 8 | address.bytes[i + 1]);
  }
  return text;
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
