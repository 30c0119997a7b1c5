// Neighbours and routers of IPv6 (RFC 4861), and an address without a server (RFC 4862). Does not check whether another
// host has its addresses. Lifetimes are not counted: prefixes and routers are used until a router withdraws them.
#pragma once

#include <optional>

#include "guests/network/interface.hpp"
#include "guests/network/ip_packet.hpp"
#include "guests/network/link.hpp"

namespace guest::network {

// Asks for the MAC address of a neighbour. The answer goes to Interface::set_neighbour().
void ask_for_neighbour(Interface& interface, const Ipv6Address& neighbour);

// Handles a message of ICMPv6 with a correct checksum: answers questions for the interface's addresses, and takes MAC
// addresses, prefix and router. Ignores other messages.
void receive_neighbour_discovery(Interface& interface, const IpPacket& packet);

// Asks routers for the prefix of the network.
class RouterDiscovery {
 public:
  explicit RouterDiscovery(Interface& interface) : interface_{&interface} {}

  void start(Microseconds now);

  // Executes all due actions. Stops after three questions, or when the prefix is known.
  void poll(Microseconds now);
  // The time of the next poll(). Nothing if it has stopped.
  [[nodiscard]] auto deadline() const -> std::optional<Microseconds>;

 private:
  [[nodiscard]] auto is_done() const -> bool;

  Interface* interface_;
  unsigned questions_left_ = 0;
  Microseconds deadline_ = 0;
};

}  // namespace guest::network
