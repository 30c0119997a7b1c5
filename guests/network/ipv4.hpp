// IPv4 packets (RFC 791). Fragments are not reassembled, and options are skipped.
#pragma once

#include <optional>

#include "guests/network/ip_packet.hpp"
#include "guests/network/wire.hpp"

namespace guest::network {

// Returns nothing for other packets, damaged ones, and fragments.
[[nodiscard]] auto parse_ipv4(ConstBytes bytes) -> std::optional<IpPacket>;

// Precondition: at least kIpv4HeaderSize bytes, IPv4 addresses, and the whole packet is below 64 KiB. Uses only the
// size of the payload.
void write_ipv4_header(Bytes bytes, const IpPacket& packet);

}  // namespace guest::network
