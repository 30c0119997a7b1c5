#include "guests/network/stack.hpp"

#include "guests/network/icmp.hpp"
#include "guests/network/ipv4.hpp"
#include "guests/network/ipv6.hpp"

namespace guest::network {

auto Stack::listen(std::uint16_t port, UdpService& service) -> bool {
  for (auto& listener : listeners_) {
    if (listener.service != nullptr) continue;
    listener = {.port = port, .service = &service};
    return true;
  }
  return false;
}

void Stack::receive(ConstBytes frame, bool is_checked, Microseconds now) {
  const auto ethernet = parse_ethernet(frame);
  if (!ethernet) return;
  const auto& destination = ethernet->destination;
  if (destination != interface_.mac() && destination != kMacBroadcast && !destination.is_ipv6_group()) return;
  if (ethernet->type == EtherType::arp) return interface_.receive_arp(*ethernet);
  std::optional<IpPacket> packet;
  if (ethernet->type == EtherType::ipv4) packet = parse_ipv4(ethernet->payload);
  if (ethernet->type == EtherType::ipv6) packet = parse_ipv6(ethernet->payload);
  if (packet) receive_packet(*packet, is_checked, now);
}

void Stack::receive_packet(const IpPacket& packet, bool is_checked, Microseconds now) {
  const bool is_ipv4 = packet.source.is_ipv4();
  // A DHCP server may send to the address that it will assign.
  if (packet.protocol == Protocol::udp && is_ipv4 && interface_.address().is_none()) {
    return receive_udp(packet, is_checked, now);
  }
  if (!interface_.is_own(packet.destination)) return;
  if (packet.protocol == Protocol::udp) receive_udp(packet, is_checked, now);
  if (packet.protocol == (is_ipv4 ? Protocol::icmp : Protocol::icmpv6)) receive_icmp(interface_, packet);
  if (packet.protocol == Protocol::tcp) tcp_.receive(packet, is_checked, now);
}

void Stack::receive_udp(const IpPacket& packet, bool is_checked, Microseconds now) {
  const auto datagram = parse_udp(packet, is_checked);
  if (!datagram) return;
  if (packet.source.is_ipv4() && datagram->destination_port == kDhcpClientPort) return dhcp_.receive(*datagram, now);
  if (!packet.source.is_host() || packet.destination != interface_.source_for(packet.source)) return;
  for (const auto& listener : listeners_) {
    if (listener.service == nullptr || listener.port != datagram->destination_port) continue;
    listener.service->received(interface_, *datagram);
  }
}

void Stack::poll(Microseconds now) {
  dhcp_.poll(now);
  routers_.poll(now);
  tcp_.poll(now);
  tcp_.flush(now);
}

auto Stack::deadline() const -> std::optional<Microseconds> {
  std::optional<Microseconds> first;
  for (const auto deadline : {dhcp_.deadline(), routers_.deadline(), tcp_.deadline()}) {
    if (deadline && (!first || *deadline < *first)) first = deadline;
  }
  return first;
}

}  // namespace guest::network
