#include "guests/network/interface.hpp"

namespace guest::network {
namespace {

// The least size of a frame without its check sequence; some devices do not pad.
constexpr std::size_t kLeastFrame = 60;

}  // namespace

auto Interface::is_own(Ipv4Address address) const -> bool {
  if (address == kIpv4Broadcast) return true;
  if (configuration_.address.is_none()) return false;
  const auto subnet_broadcast = configuration_.address.value | ~mask_of(configuration_.prefix);
  return address == configuration_.address || (configuration_.prefix < 31 && address.value == subnet_broadcast);
}

auto Interface::next_hop(Ipv4Address destination) const -> Ipv4Address {
  const auto difference = destination.value ^ configuration_.address.value;
  const bool is_neighbour = (difference & mask_of(configuration_.prefix)) == 0;
  return is_neighbour || configuration_.gateway.is_none() ? destination : configuration_.gateway;
}

void Interface::receive_arp(const EthernetFrame& frame) {
  const auto packet = ArpPacket::parse(frame.payload);
  if (!packet || address().is_none() || packet->target != address() || packet->sender == address()) return;
  if (!packet->sender.is_none()) neighbours_.set(packet->sender, packet->sender_mac);
  if (packet->operation != ArpPacket::Operation::request) return;
  send_arp(packet->sender_mac, {.operation = ArpPacket::Operation::reply,
                                .sender_mac = mac_,
                                .sender = address(),
                                .target_mac = packet->sender_mac,
                                .target = packet->sender});
}

auto Interface::packet() -> Bytes {
  const auto room = link_->room();
  if (room.size() < kHeadersSize + largest_payload()) return {};
  return room.subspan(kHeadersSize);
}

void Interface::send(Protocol protocol, Ipv4Address destination, std::size_t size, Offload offload) {
  const auto room = link_->room();
  if (room.size() < kHeadersSize + size) return;
  MacAddress mac = kMacBroadcast;
  if (destination != kIpv4Broadcast) {
    const auto hop = next_hop(destination);
    const auto known = neighbours_.find(hop);
    if (!known) {
      return send_arp(kMacBroadcast, {.operation = ArpPacket::Operation::request,
                                      .sender_mac = mac_,
                                      .sender = address(),
                                      .target_mac = {},
                                      .target = hop});
    }
    mac = *known;
  }
  write_ethernet_header(room, mac, mac_, EtherType::ipv4);
  write_ipv4_header(room.subspan(kEthernetHeaderSize), {.source = address(),
                                                        .destination = destination,
                                                        .protocol = protocol,
                                                        .payload = room.subspan(kHeadersSize, size)});
  if (offload.checksum_offset != 0) {
    offload.checksum_start = static_cast<std::uint16_t>(offload.checksum_start + kHeadersSize);
  }
  std::size_t frame_size = kHeadersSize + size;
  for (; frame_size < kLeastFrame; ++frame_size) room[frame_size] = std::byte{};
  link_->send(frame_size, offload);
}

void Interface::send_arp(const MacAddress& destination, const ArpPacket& packet) {
  const auto room = link_->room();
  if (room.size() < kLeastFrame) return;
  write_ethernet_header(room, destination, mac_, EtherType::arp);
  packet.write(room.subspan(kEthernetHeaderSize, kArpSize));
  for (std::size_t at = kEthernetHeaderSize + kArpSize; at < kLeastFrame; ++at) room[at] = std::byte{};
  link_->send(kLeastFrame, {});
}

}  // namespace guest::network
