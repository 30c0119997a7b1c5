// The mapping of IPv4 addresses to MAC addresses (RFC 826).
#pragma once

#include <optional>

#include "guests/network/address.hpp"
#include "guests/network/wire.hpp"

namespace guest::network {

inline constexpr std::size_t kArpSize = 28;

struct ArpPacket {
  enum class Operation : std::uint16_t { request = 1, reply = 2 };
  Operation operation;
  MacAddress sender_mac;
  Ipv4Address sender;
  MacAddress target_mac;
  Ipv4Address target;

  // Returns nothing if the packet is not for Ethernet and IPv4, or if its sender is not a host.
  [[nodiscard]] static auto parse(ConstBytes bytes) -> std::optional<ArpPacket>;
  // Precondition: kArpSize bytes.
  void write(Bytes bytes) const;
};

}  // namespace guest::network
