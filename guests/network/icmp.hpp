// Messages of ICMP (RFC 792) and ICMPv6 (RFC 4443). Only echo requests and neighbour discovery are answered.
#pragma once

#include <cstdint>

#include "guests/network/interface.hpp"
#include "guests/network/ip_packet.hpp"

namespace guest::network {

// The value of a message's checksum field. 0 for a message that includes a correct checksum.
[[nodiscard]] auto icmp_checksum(const IpAddress& source, const IpAddress& destination, ConstBytes message)
    -> std::uint16_t;

// Handles a packet of the protocol of its version, ICMP or ICMPv6.
void receive_icmp(Interface& interface, const IpPacket& packet);

}  // namespace guest::network
