#include "guests/network/icmp.hpp"

#include "guests/network/checksum.hpp"

namespace guest::network {
namespace {

constexpr std::size_t kHeaderSize = 8;
constexpr std::uint8_t kEchoRequest = 8;

}  // namespace

void receive_icmp(Interface& interface, const Ipv4Packet& packet) {
  const auto request = packet.payload;
  if (request.size() < kHeaderSize || request.size() > interface.largest_payload()) return;
  if (get8(request, 0) != kEchoRequest || get8(request, 1) != 0 || checksum_of(request) != 0) return;
  const auto room = interface.packet();
  if (room.empty()) return;
  const auto reply = room.first(request.size());
  copy(reply, request);
  put16(reply, 0, 0);  // echo reply
  put16(reply, 2, 0);
  put16(reply, 2, checksum_of(reply));
  interface.send(Protocol::icmp, packet.source, reply.size());
}

}  // namespace guest::network
