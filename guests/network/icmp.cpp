#include "guests/network/icmp.hpp"

#include "guests/network/checksum.hpp"
#include "guests/network/neighbour_discovery.hpp"

namespace guest::network {
namespace {

constexpr std::size_t kHeaderSize = 8;

struct EchoTypes {
  std::uint8_t request;
  std::uint8_t reply;
};
constexpr EchoTypes kEcho{.request = 8, .reply = 0};
constexpr EchoTypes kEchoIpv6{.request = 128, .reply = 129};

void answer_echo(Interface& interface, const IpPacket& packet) {
  const auto [request_type, reply_type] = packet.source.is_ipv4() ? kEcho : kEchoIpv6;
  const auto request = packet.payload;
  if (request.size() > interface.largest_payload(packet.source)) return;
  if (get8(request, 0) != request_type || get8(request, 1) != 0) return;
  const auto room = interface.packet(packet.source);
  if (room.empty()) return;
  const auto reply = room.first(request.size());
  copy(reply, request);
  put8(reply, 0, reply_type);
  put16(reply, 2, 0);
  put16(reply, 2, icmp_checksum(interface.source_for(packet.source), packet.source, reply));
  interface.send(packet.protocol, packet.source, reply.size());
}

}  // namespace

auto icmp_checksum(const IpAddress& source, const IpAddress& destination, ConstBytes message) -> std::uint16_t {
  Checksum checksum;
  if (!source.is_ipv4()) checksum.add_pseudo_header(source, destination, Protocol::icmpv6, message.size());
  checksum.add(message);
  return checksum.value();
}

void receive_icmp(Interface& interface, const IpPacket& packet) {
  const auto message = packet.payload;
  if (message.size() < kHeaderSize || icmp_checksum(packet.source, packet.destination, message) != 0) return;
  if (packet.source.is_host() && interface.is_address(packet.destination)) answer_echo(interface, packet);
  if (!packet.source.is_ipv4()) receive_neighbour_discovery(interface, packet);
}

}  // namespace guest::network
