#include "guests/network/ipv4.hpp"

#include "guests/network/checksum.hpp"

namespace guest::network {
namespace {

constexpr std::uint16_t kDoNotFragment = 0x4000;
constexpr std::uint16_t kFragment = 0x3fff;  // the flag for more fragments, and the offset
constexpr std::uint8_t kTimeToLive = 64;

}  // namespace

auto parse_ipv4(ConstBytes bytes) -> std::optional<IpPacket> {
  if (bytes.size() < kIpv4HeaderSize || get8(bytes, 0) >> 4 != 4) return std::nullopt;
  const std::size_t header_size = std::size_t{4} * (get8(bytes, 0) & 0xf);
  const std::size_t size = get16(bytes, 2);
  if (header_size < kIpv4HeaderSize || size < header_size || size > bytes.size()) return std::nullopt;
  if (checksum_of(bytes.first(header_size)) != 0) return std::nullopt;
  if ((get16(bytes, 6) & kFragment) != 0) return std::nullopt;
  // Frames have a minimum size: bytes after the packet are padding.
  return IpPacket{.source = Ipv4Address{get32(bytes, 12)},
                  .destination = Ipv4Address{get32(bytes, 16)},
                  .protocol = static_cast<Protocol>(get8(bytes, 9)),
                  .payload = bytes.subspan(header_size, size - header_size)};
}

void write_ipv4_header(Bytes bytes, const IpPacket& packet) {
  const auto header = bytes.first(kIpv4HeaderSize);
  put16(header, 0, 0x4500);
  put16(header, 2, static_cast<std::uint16_t>(kIpv4HeaderSize + packet.payload.size()));
  put16(header, 4, 0);  // only fragments need an identification (RFC 6864)
  put16(header, 6, kDoNotFragment);
  put8(header, 8, kTimeToLive);
  put8(header, 9, static_cast<std::uint8_t>(packet.protocol));
  put16(header, 10, 0);
  put32(header, 12, packet.source.ipv4().value);
  put32(header, 16, packet.destination.ipv4().value);
  put16(header, 10, checksum_of(header));
}

}  // namespace guest::network
