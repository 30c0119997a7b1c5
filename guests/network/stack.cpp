#include "guests/network/stack.hpp"

#include "guests/network/icmp.hpp"

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
  if (ethernet->destination != interface_.mac() && ethernet->destination != kMacBroadcast) return;
  if (ethernet->type == EtherType::arp) interface_.receive_arp(*ethernet);
  if (ethernet->type == EtherType::ipv4) receive_ipv4(ethernet->payload, is_checked, now);
}

void Stack::receive_ipv4(ConstBytes bytes, bool is_checked, Microseconds now) {
  const auto packet = parse_ipv4(bytes);
  if (!packet) return;
  // A DHCP server may send to the address that it will assign.
  if (packet->protocol == Protocol::udp && (interface_.address().is_none() || interface_.is_own(packet->destination))) {
    return receive_udp(*packet, is_checked, now);
  }
  if (packet->destination != interface_.address() || !packet->source.is_host()) return;
  if (packet->protocol == Protocol::icmp) receive_icmp(interface_, *packet);
  if (packet->protocol == Protocol::tcp) tcp_.receive(*packet, is_checked, now);
}

void Stack::receive_udp(const Ipv4Packet& packet, bool is_checked, Microseconds now) {
  const auto datagram = parse_udp(packet, is_checked);
  if (!datagram) return;
  if (datagram->destination_port == kDhcpClientPort) return dhcp_.receive(*datagram, now);
  if (!packet.source.is_host() || packet.destination != interface_.address()) return;
  for (const auto& listener : listeners_) {
    if (listener.service == nullptr || listener.port != datagram->destination_port) continue;
    listener.service->received(interface_, *datagram);
  }
}

void Stack::poll(Microseconds now) {
  dhcp_.poll(now);
  tcp_.poll(now);
  tcp_.flush(now);
}

auto Stack::deadline() const -> std::optional<Microseconds> {
  const auto dhcp = dhcp_.deadline();
  const auto tcp = tcp_.deadline();
  if (!dhcp || !tcp) return dhcp ? dhcp : tcp;
  return *dhcp < *tcp ? dhcp : tcp;
}

}  // namespace guest::network
