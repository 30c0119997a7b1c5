#include "guests/network/udp.hpp"

#include "guests/network/checksum.hpp"

namespace guest::network {
namespace {

constexpr std::uint16_t kChecksumAt = 6;

}  // namespace

auto parse_udp(const IpPacket& packet, bool is_checked) -> std::optional<UdpDatagram> {
  const auto bytes = packet.payload;
  if (bytes.size() < kUdpHeaderSize) return std::nullopt;
  const std::size_t size = get16(bytes, 4);
  if (size < kUdpHeaderSize || size > bytes.size()) return std::nullopt;
  const bool has_checksum = get16(bytes, kChecksumAt) != 0;
  if (!has_checksum && !packet.source.is_ipv4()) return std::nullopt;
  if (!is_checked && has_checksum) {
    Checksum checksum;
    checksum.add_pseudo_header(packet.source, packet.destination, Protocol::udp, size);
    checksum.add(bytes.first(size));
    if (checksum.value() != 0) return std::nullopt;
  }
  return UdpDatagram{.source = packet.source,
                     .source_port = get16(bytes, 0),
                     .destination_port = get16(bytes, 2),
                     .payload = bytes.subspan(kUdpHeaderSize, size - kUdpHeaderSize)};
}

void send_udp(Interface& interface, std::uint16_t source_port, const IpAddress& destination,
              std::uint16_t destination_port, ConstBytes payload) {
  const auto size = kUdpHeaderSize + payload.size();
  const auto room = interface.packet(destination);
  if (room.empty() || size > interface.largest_payload(destination)) return;
  const auto datagram = room.first(size);
  put16(datagram, 0, source_port);
  put16(datagram, 2, destination_port);
  put16(datagram, 4, static_cast<std::uint16_t>(size));
  put16(datagram, kChecksumAt, 0);
  copy(datagram.subspan(kUdpHeaderSize), payload);
  Checksum checksum;
  checksum.add_pseudo_header(interface.source_for(destination), destination, Protocol::udp, size);
  Offload offload;
  if (interface.link().completes_checksums()) {
    offload.checksum_offset = kChecksumAt;
    put16(datagram, kChecksumAt, checksum.sum());
  } else {
    checksum.add(datagram);
    const auto value = checksum.value();
    put16(datagram, kChecksumAt, value == 0 ? 0xffff : value);
  }
  interface.send(Protocol::udp, destination, size, offload);
}

}  // namespace guest::network
