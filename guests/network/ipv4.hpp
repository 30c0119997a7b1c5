// IPv4 packets (RFC 791). Fragments are not reassembled, and options are skipped.
#pragma once

#include <cstdint>
#include <optional>

#include "guests/network/address.hpp"
#include "guests/network/wire.hpp"

namespace guest::network {

inline constexpr std::size_t kIpv4HeaderSize = 20;

enum class Protocol : std::uint8_t { icmp = 1, tcp = 6, udp = 17 };

struct Ipv4Packet {
  Ipv4Address source;
  Ipv4Address destination;
  Protocol protocol;  // any value
  ConstBytes payload;
};

// Returns nothing for other packets, damaged ones, and fragments.
[[nodiscard]] auto parse_ipv4(ConstBytes bytes) -> std::optional<Ipv4Packet>;

// Precondition: at least kIpv4HeaderSize bytes, and the whole packet is below 64 KiB. Uses only the size of the
// payload.
void write_ipv4_header(Bytes bytes, const Ipv4Packet& packet);

}  // namespace guest::network
