// Ethernet II frames without the frame check sequence.
#pragma once

#include <optional>

#include "guests/network/address.hpp"
#include "guests/network/wire.hpp"

namespace guest::network {

inline constexpr std::size_t kEthernetHeaderSize = 14;

enum class EtherType : std::uint16_t { ipv4 = 0x0800, arp = 0x0806, ipv6 = 0x86dd };

struct EthernetFrame {
  MacAddress destination;
  MacAddress source;
  EtherType type;  // any value
  ConstBytes payload;
};

[[nodiscard]] inline auto parse_ethernet(ConstBytes frame) -> std::optional<EthernetFrame> {
  if (frame.size() < kEthernetHeaderSize) return std::nullopt;
  return EthernetFrame{.destination = get_mac(frame, 0),
                       .source = get_mac(frame, 6),
                       .type = static_cast<EtherType>(get16(frame, 12)),
                       .payload = frame.subspan(kEthernetHeaderSize)};
}

inline void write_ethernet_header(Bytes frame, const MacAddress& destination, const MacAddress& source,
                                  EtherType type) {
  put_mac(frame, 0, destination);
  put_mac(frame, 6, source);
  put16(frame, 12, static_cast<std::uint16_t>(type));
}

}  // namespace guest::network
