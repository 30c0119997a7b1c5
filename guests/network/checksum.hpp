// The Internet checksum (RFC 1071).
#pragma once

#include <cstdint>

#include "guests/network/ip_packet.hpp"
#include "guests/network/wire.hpp"

namespace guest::network {

class Checksum {
 public:
  // Adds bytes in order. Only the last call may have an odd number of bytes.
  void add(ConstBytes bytes);

  // Adds the pseudo header of TCP, UDP and ICMPv6 (RFC 9293, 3.1; RFC 8200, 8.1).
  void add_pseudo_header(const IpAddress& source, const IpAddress& destination, Protocol protocol, std::size_t size);

  // The value of the header's field. 0 for bytes that include a correct checksum.
  [[nodiscard]] auto value() const -> std::uint16_t { return static_cast<std::uint16_t>(~sum()); }

  // The value of the header's field if a device completes it: the sum so far, not inverted.
  [[nodiscard]] auto sum() const -> std::uint16_t;

 private:
  void add_word(std::uint32_t value) { sum_ += value; }

  std::uint64_t sum_ = 0;  // of 32-bit integers in the machine's byte order
};

// The checksum of the bytes.
[[nodiscard]] auto checksum_of(ConstBytes bytes) -> std::uint16_t;

}  // namespace guest::network
