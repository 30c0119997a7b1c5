#include "guests/network/interface.hpp"

// Frames are not padded to Ethernet's minimum size: virtual networks have none, Linux does not pad on virtio devices,
// and passt drops packets with padding after them.
namespace guest::network {

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
  if (!packet->sender.is_none()) {
    neighbours_.set(packet->sender, packet->sender_mac);
    send_waiting(packet->sender, packet->sender_mac);
  }
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
  const auto hop = next_hop(destination);
  const auto mac = destination == kIpv4Broadcast ? std::optional{kMacBroadcast} : neighbours_.find(hop);
  write_ethernet_header(room, mac.value_or(MacAddress{}), mac_, EtherType::ipv4);
  write_ipv4_header(room.subspan(kEthernetHeaderSize), {.source = address(),
                                                        .destination = destination,
                                                        .protocol = protocol,
                                                        .payload = room.subspan(kHeadersSize, size)});
  if (offload.checksum_offset != 0) {
    offload.checksum_start = static_cast<std::uint16_t>(offload.checksum_start + kHeadersSize);
  }
  const auto frame_size = kHeadersSize + size;
  if (!mac) return wait_for(hop, room.first(frame_size), offload);
  link_->send(frame_size, offload);
}

void Interface::wait_for(Ipv4Address neighbour, ConstBytes frame, const Offload& offload) {
  if (frame.size() <= waiting_.size()) {
    copy(waiting_, frame);
    waiting_size_ = frame.size();
    waiting_offload_ = offload;
    waiting_for_ = neighbour;
  }
  send_arp(kMacBroadcast, {.operation = ArpPacket::Operation::request,
                           .sender_mac = mac_,
                           .sender = address(),
                           .target_mac = {},
                           .target = neighbour});
}

void Interface::send_waiting(Ipv4Address neighbour, const MacAddress& mac) {
  if (waiting_size_ == 0 || waiting_for_ != neighbour) return;
  const auto room = link_->room();
  if (room.size() >= waiting_size_) {
    copy(room, ConstBytes{waiting_}.first(waiting_size_));
    put_mac(room, 0, mac);
    link_->send(waiting_size_, waiting_offload_);
  }
  waiting_size_ = 0;
}

void Interface::send_arp(const MacAddress& destination, const ArpPacket& packet) {
  const auto room = link_->room();
  constexpr auto kSize = kEthernetHeaderSize + kArpSize;
  if (room.size() < kSize) return;
  write_ethernet_header(room, destination, mac_, EtherType::arp);
  packet.write(room.subspan(kEthernetHeaderSize, kArpSize));
  link_->send(kSize, {});
}

}  // namespace guest::network
