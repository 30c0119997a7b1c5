// IPv6 packets (RFC 8200). Packets with extension headers, such as fragments, are dropped.
#pragma once

#include <optional>

#include "guests/network/ip_packet.hpp"
#include "guests/network/wire.hpp"

namespace guest::network {

// Returns nothing for other packets and damaged ones.
[[nodiscard]] auto parse_ipv6(ConstBytes bytes) -> std::optional<IpPacket>;

// Precondition: at least kIpv6HeaderSize bytes, IPv6 addresses, and a payload below 64 KiB. Uses only the size of the
// payload.
void write_ipv6_header(Bytes bytes, const IpPacket& packet);

}  // namespace guest::network
