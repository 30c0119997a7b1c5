// A link with addresses. It finds the MAC addresses of neighbours, and sends IPv4 and IPv6 packets to them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "guests/network/address.hpp"
#include "guests/network/arp.hpp"
#include "guests/network/ethernet.hpp"
#include "guests/network/ip_packet.hpp"
#include "guests/network/link.hpp"
#include "guests/network/neighbour_table.hpp"

namespace guest::network {

struct Configuration {
  Ipv4Address address{};  // none: unknown
  unsigned prefix = 0;
  Ipv4Address gateway{};  // none: only neighbours are reachable
  std::uint16_t mtu = 1500;
};

// The prefix of 64 bits and the router of a network. Every interface has a link-local address, too.
struct Ipv6Configuration {
  Ipv6Address prefix{};     // none: unknown
  bool is_on_link = false;  // other addresses under the prefix are neighbours
  Ipv6Address router{};     // none: only neighbours are reachable
};

[[nodiscard]] constexpr auto ether_type_for(const IpAddress& destination) -> EtherType {
  return destination.is_ipv4() ? EtherType::ipv4 : EtherType::ipv6;
}

class Interface {
 public:
  Interface(Link& link, const MacAddress& mac, std::uint16_t mtu)
      : link_{&link}, mac_{mac}, link_local_{address_under(kLinkLocalPrefix, mac)} {
    configuration_.mtu = mtu;
  }

  void configure(const Configuration& configuration) { configuration_ = configuration; }
  [[nodiscard]] auto configuration() const -> const Configuration& { return configuration_; }
  void configure(const Ipv6Configuration& configuration) { ipv6_ = configuration; }
  [[nodiscard]] auto ipv6_configuration() const -> const Ipv6Configuration& { return ipv6_; }

  [[nodiscard]] auto address() const -> Ipv4Address { return configuration_.address; }
  [[nodiscard]] auto link_local_address() const -> const Ipv6Address& { return link_local_; }
  // The address under the prefix of the network; none: unknown.
  [[nodiscard]] auto global_address() const -> Ipv6Address {
    return ipv6_.prefix.is_none() ? Ipv6Address{} : address_under(ipv6_.prefix, mac_);
  }
  [[nodiscard]] auto mac() const -> const MacAddress& { return mac_; }
  [[nodiscard]] auto link() const -> const Link& { return *link_; }

  // Whether this is an address of this interface alone.
  [[nodiscard]] auto is_address(const IpAddress& address) const -> bool;
  // Whether packets to this address are for this interface: also broadcast addresses and its multicast groups.
  [[nodiscard]] auto is_own(const IpAddress& address) const -> bool;
  // The address from which packets to `destination` are sent.
  [[nodiscard]] auto source_for(const IpAddress& destination) const -> IpAddress;

  // The maximum payload of a packet.
  [[nodiscard]] auto largest_payload(const IpAddress& destination) const -> std::size_t {
    return configuration_.mtu - ip_header_size(destination);
  }

  void receive_arp(const EthernetFrame& frame);
  // A neighbour has told its MAC address.
  void set_neighbour(const IpAddress& neighbour, const MacAddress& mac);

  // The memory for the payload of the next packet: at least largest_payload() bytes, or none if the link is full.
  [[nodiscard]] auto packet(const IpAddress& destination) -> Bytes;

  // Sends the first `size` bytes of packet(). `offload` counts from the beginning of the payload. If the neighbour's
  // MAC address is unknown, the interface asks for it, and the packet waits. Another waiting packet is lost, and so
  // is one of more than 2 KiB.
  void send(Protocol protocol, const IpAddress& destination, std::size_t size, Offload offload = {});

 private:
  [[nodiscard]] auto next_hop(const IpAddress& destination) const -> IpAddress;
  [[nodiscard]] auto next_hop(Ipv4Address destination) const -> Ipv4Address;
  [[nodiscard]] auto next_hop(const Ipv6Address& destination) const -> Ipv6Address;
  [[nodiscard]] auto mac_of(const IpAddress& hop) const -> std::optional<MacAddress>;
  void wait_for(const IpAddress& neighbour, ConstBytes frame, const Offload& offload);
  void send_waiting(const IpAddress& neighbour, const MacAddress& mac);
  void ask_for(const IpAddress& neighbour);
  void send_arp(const MacAddress& destination, const ArpPacket& packet);

  Link* link_;
  MacAddress mac_;
  Ipv6Address link_local_;
  Configuration configuration_;
  Ipv6Configuration ipv6_;
  NeighbourTable neighbours_;

  // The frame that waits for a neighbour's address. The address field in it is empty.
  static constexpr std::size_t kLargestWaiting = 2048;
  std::array<std::byte, kLargestWaiting> waiting_;
  std::size_t waiting_size_ = 0;  // in bytes; 0 if no frame waits
  Offload waiting_offload_;
  IpAddress waiting_for_;
};

}  // namespace guest::network
