#include "guests/network/interface.hpp"

#include "guests/network/ipv4.hpp"
#include "guests/network/ipv6.hpp"
#include "guests/network/neighbour_discovery.hpp"

// Frames are not padded to Ethernet's minimum size: virtual networks have none, Linux does not pad on virtio devices,
// and passt drops packets with padding after them.
namespace guest::network {

auto Interface::is_address(const IpAddress& address) const -> bool {
  if (address.is_none()) return false;
  return address == IpAddress{configuration_.address} || address == IpAddress{link_local_} ||
         address == IpAddress{global_address()};
}

auto Interface::is_own(const IpAddress& address) const -> bool {
  if (is_address(address)) return true;
  if (!address.is_ipv4()) {
    const auto& group = address.ipv6();
    return group == kAllNodes || group == solicited_node_of(link_local_);
  }
  if (address.ipv4() == kIpv4Broadcast) return true;
  if (configuration_.address.is_none() || configuration_.prefix >= 31) return false;
  return address.ipv4().value == (configuration_.address.value | ~mask_of(configuration_.prefix));
}

auto Interface::source_for(const IpAddress& destination) const -> IpAddress {
  if (destination.is_ipv4()) return configuration_.address;
  const auto& address = destination.ipv6();
  const bool stays_on_link = address.is_link_local() || address.is_multicast() || ipv6_.prefix.is_none();
  return stays_on_link ? link_local_ : global_address();
}

auto Interface::next_hop(const IpAddress& destination) const -> IpAddress {
  if (destination.is_ipv4()) return next_hop(destination.ipv4());
  return next_hop(destination.ipv6());
}

auto Interface::next_hop(Ipv4Address destination) const -> Ipv4Address {
  if (destination == kIpv4Broadcast) return destination;
  const auto difference = destination.value ^ configuration_.address.value;
  const bool is_neighbour = (difference & mask_of(configuration_.prefix)) == 0;
  return is_neighbour || configuration_.gateway.is_none() ? destination : configuration_.gateway;
}

auto Interface::next_hop(const Ipv6Address& destination) const -> Ipv6Address {
  const bool is_neighbour = destination.is_link_local() || destination.is_multicast() ||
                            (ipv6_.is_on_link && destination.is_in(ipv6_.prefix));
  return is_neighbour || ipv6_.router.is_none() ? destination : ipv6_.router;
}

auto Interface::mac_of(const IpAddress& hop) const -> std::optional<MacAddress> {
  if (hop == IpAddress{kIpv4Broadcast}) return kMacBroadcast;
  if (!hop.is_ipv4() && hop.ipv6().is_multicast()) return mac_of_group(hop.ipv6());
  return neighbours_.find(hop);
}

void Interface::receive_arp(const EthernetFrame& frame) {
  const auto packet = ArpPacket::parse(frame.payload);
  if (!packet || address().is_none() || packet->target != address() || packet->sender == address()) return;
  if (!packet->sender.is_none()) set_neighbour(packet->sender, packet->sender_mac);
  if (packet->operation != ArpPacket::Operation::request) return;
  send_arp(packet->sender_mac, {.operation = ArpPacket::Operation::reply,
                                .sender_mac = mac_,
                                .sender = address(),
                                .target_mac = packet->sender_mac,
                                .target = packet->sender});
}

void Interface::set_neighbour(const IpAddress& neighbour, const MacAddress& mac) {
  neighbours_.set(neighbour, mac);
  send_waiting(neighbour, mac);
}

auto Interface::packet(const IpAddress& destination) -> Bytes {
  const auto room = link_->room();
  const auto headers_size = kEthernetHeaderSize + ip_header_size(destination);
  if (room.size() < headers_size + largest_payload(destination)) return {};
  return room.subspan(headers_size);
}

void Interface::send(Protocol protocol, const IpAddress& destination, std::size_t size, Offload offload) {
  const auto room = link_->room();
  const auto headers_size = kEthernetHeaderSize + ip_header_size(destination);
  if (room.size() < headers_size + size) return;
  const auto hop = next_hop(destination);
  const auto mac = mac_of(hop);
  write_ethernet_header(room, mac.value_or(MacAddress{}), mac_, ether_type_for(destination));
  const IpPacket packet{.source = source_for(destination),
                        .destination = destination,
                        .protocol = protocol,
                        .payload = room.subspan(headers_size, size)};
  destination.is_ipv4() ? write_ipv4_header(room.subspan(kEthernetHeaderSize), packet)
                        : write_ipv6_header(room.subspan(kEthernetHeaderSize), packet);
  if (offload.checksum_offset != 0) {
    offload.checksum_start = static_cast<std::uint16_t>(offload.checksum_start + headers_size);
  }
  const auto frame_size = headers_size + size;
  if (!mac) return wait_for(hop, room.first(frame_size), offload);
  link_->send(frame_size, offload);
}

void Interface::wait_for(const IpAddress& neighbour, ConstBytes frame, const Offload& offload) {
  if (frame.size() <= waiting_.size()) {
    copy(waiting_, frame);
    waiting_size_ = frame.size();
    waiting_offload_ = offload;
    waiting_for_ = neighbour;
  }
  ask_for(neighbour);
}

void Interface::send_waiting(const IpAddress& neighbour, const MacAddress& mac) {
  if (waiting_size_ == 0 || waiting_for_ != neighbour) return;
  const auto room = link_->room();
  if (room.size() >= waiting_size_) {
    copy(room, ConstBytes{waiting_}.first(waiting_size_));
    put_mac(room, 0, mac);
    link_->send(waiting_size_, waiting_offload_);
  }
  waiting_size_ = 0;
}

void Interface::ask_for(const IpAddress& neighbour) {
  if (!neighbour.is_ipv4()) return ask_for_neighbour(*this, neighbour.ipv6());
  send_arp(kMacBroadcast, {.operation = ArpPacket::Operation::request,
                           .sender_mac = mac_,
                           .sender = address(),
                           .target_mac = {},
                           .target = neighbour.ipv4()});
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
