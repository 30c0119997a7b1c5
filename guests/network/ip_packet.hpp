// A packet of IPv4 or IPv6.
#pragma once

#include <cstddef>
#include <cstdint>

#include "guests/network/address.hpp"
#include "guests/network/wire.hpp"

namespace guest::network {

inline constexpr std::size_t kIpv4HeaderSize = 20;
inline constexpr std::size_t kIpv6HeaderSize = 40;

enum class Protocol : std::uint8_t { icmp = 1, tcp = 6, udp = 17, icmpv6 = 58 };

struct IpPacket {
  IpAddress source;
  IpAddress destination;
  Protocol protocol;  // any value
  ConstBytes payload;
  bool is_from_link = false;  // no router has forwarded it; always false with IPv4
};

[[nodiscard]] constexpr auto ip_header_size(const IpAddress& destination) -> std::size_t {
  return destination.is_ipv4() ? kIpv4HeaderSize : kIpv6HeaderSize;
}

}  // namespace guest::network
