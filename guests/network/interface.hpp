// A link with addresses. It finds the MAC addresses of neighbours, and sends IPv4 packets to them.
#pragma once

#include <array>
#include <cstdint>

#include "guests/network/address.hpp"
#include "guests/network/arp.hpp"
#include "guests/network/ethernet.hpp"
#include "guests/network/ipv4.hpp"
#include "guests/network/link.hpp"

namespace guest::network {

struct Configuration {
  Ipv4Address address{};  // none: unknown
  unsigned prefix = 0;
  Ipv4Address gateway{};  // none: only neighbours are reachable
  std::uint16_t mtu = 1500;
};

class Interface {
 public:
  static constexpr std::size_t kHeadersSize = kEthernetHeaderSize + kIpv4HeaderSize;

  Interface(Link& link, const MacAddress& mac, std::uint16_t mtu) : link_{&link}, mac_{mac} {
    configuration_.mtu = mtu;
  }

  void configure(const Configuration& configuration) { configuration_ = configuration; }
  [[nodiscard]] auto configuration() const -> const Configuration& { return configuration_; }
  [[nodiscard]] auto address() const -> Ipv4Address { return configuration_.address; }
  [[nodiscard]] auto mac() const -> const MacAddress& { return mac_; }
  [[nodiscard]] auto link() const -> const Link& { return *link_; }

  // The maximum payload of an IPv4 packet.
  [[nodiscard]] auto largest_payload() const -> std::size_t { return configuration_.mtu - kIpv4HeaderSize; }

  // Whether packets to this address are for this interface.
  [[nodiscard]] auto is_own(Ipv4Address address) const -> bool;

  void receive_arp(const EthernetFrame& frame);

  // The memory for the payload of the next packet: at least largest_payload() bytes, or none if the link is full.
  [[nodiscard]] auto packet() -> Bytes;

  // Sends the first `size` bytes of packet(). `offload` counts from the beginning of the payload. If the neighbour's
  // MAC address is unknown, the interface asks for it, and the packet waits. Another waiting packet is lost, and so
  // is one of more than 2 KiB.
  void send(Protocol protocol, Ipv4Address destination, std::size_t size, Offload offload = {});

 private:
  [[nodiscard]] auto next_hop(Ipv4Address destination) const -> Ipv4Address;
  void wait_for(Ipv4Address neighbour, ConstBytes frame, const Offload& offload);
  void send_waiting(Ipv4Address neighbour, const MacAddress& mac);
  void send_arp(const MacAddress& destination, const ArpPacket& packet);

  Link* link_;
  MacAddress mac_;
  Configuration configuration_;
  ArpTable neighbours_;

  // The frame that waits for a neighbour's address. The address field in it is empty.
  static constexpr std::size_t kLargestWaiting = 2048;
  std::array<std::byte, kLargestWaiting> waiting_;
  std::size_t waiting_size_ = 0;  // in bytes; 0 if no frame waits
  Offload waiting_offload_;
  Ipv4Address waiting_for_;
};

}  // namespace guest::network
