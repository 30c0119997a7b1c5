#include "guests/network/ipv6.hpp"

namespace guest::network {
namespace {

// A router decrements the hop limit. So a packet with the largest one has passed none (RFC 4861, 3.1).
constexpr std::uint8_t kHopLimit = 255;

}  // namespace

auto parse_ipv6(ConstBytes bytes) -> std::optional<IpPacket> {
  if (bytes.size() < kIpv6HeaderSize || get8(bytes, 0) >> 4 != 6) return std::nullopt;
  const std::size_t size = get16(bytes, 4);
  if (size > bytes.size() - kIpv6HeaderSize) return std::nullopt;
  const IpPacket packet{.source = get_ipv6(bytes, 8),
                        .destination = get_ipv6(bytes, 24),
                        .protocol = static_cast<Protocol>(get8(bytes, 6)),
                        .payload = bytes.subspan(kIpv6HeaderSize, size),
                        .is_from_link = get8(bytes, 7) == kHopLimit};
  if (packet.source.is_ipv4() || packet.destination.is_ipv4()) return std::nullopt;
  return packet;
}

void write_ipv6_header(Bytes bytes, const IpPacket& packet) {
  put32(bytes, 0, 0x6000'0000);
  put16(bytes, 4, static_cast<std::uint16_t>(packet.payload.size()));
  put8(bytes, 6, static_cast<std::uint8_t>(packet.protocol));
  put8(bytes, 7, kHopLimit);
  put_ipv6(bytes, 8, packet.source.ipv6());
  put_ipv6(bytes, 24, packet.destination.ipv6());
}

}  // namespace guest::network
