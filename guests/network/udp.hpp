// UDP datagrams (RFC 768).
#pragma once

#include <cstdint>
#include <optional>

#include "guests/network/interface.hpp"
#include "guests/network/ipv4.hpp"

namespace guest::network {

inline constexpr std::size_t kUdpHeaderSize = 8;

struct UdpDatagram {
  Ipv4Address source;
  std::uint16_t source_port;
  std::uint16_t destination_port;
  ConstBytes payload;
};

// Nothing when it is none, or damaged. `is_checked`: the device has looked at the checksum.
[[nodiscard]] auto parse_udp(const Ipv4Packet& packet, bool is_checked) -> std::optional<UdpDatagram>;

// Sends `payload`. A datagram that is too large for a packet is lost, as is one when the link has no room.
void send_udp(Interface& interface, std::uint16_t source_port, Ipv4Address destination, std::uint16_t destination_port,
              ConstBytes payload);

}  // namespace guest::network
