// UDP datagrams (RFC 768).
#pragma once

#include <cstdint>
#include <optional>

#include "guests/network/interface.hpp"
#include "guests/network/ip_packet.hpp"

namespace guest::network {

inline constexpr std::size_t kUdpHeaderSize = 8;

struct UdpDatagram {
  IpAddress source;
  std::uint16_t source_port;
  std::uint16_t destination_port;
  ConstBytes payload;
};

// Returns nothing for other or damaged packets. `is_checked`: the device has checked the checksum.
[[nodiscard]] auto parse_udp(const IpPacket& packet, bool is_checked) -> std::optional<UdpDatagram>;

// Sends `payload`. The datagram is lost if it is too large for a packet, or if the link is full.
void send_udp(Interface& interface, std::uint16_t source_port, const IpAddress& destination,
              std::uint16_t destination_port, ConstBytes payload);

}  // namespace guest::network
