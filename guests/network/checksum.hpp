// The Internet checksum (RFC 1071).
#pragma once

#include <cstdint>

#include "guests/network/address.hpp"
#include "guests/network/wire.hpp"

namespace guest::network {

class Checksum {
 public:
  // Bytes in order. Only the last ones may be of an odd number.
  void add(ConstBytes bytes);

  // What TCP and UDP put before their own bytes (RFC 9293, 3.1).
  void add_pseudo_header(Ipv4Address source, Ipv4Address destination, std::uint8_t protocol, std::size_t size);

  // What goes into the header's field; of bytes with a right checksum in them, 0.
  [[nodiscard]] auto value() const -> std::uint16_t { return static_cast<std::uint16_t>(~sum()); }

  // What goes there if a device completes it: the sum so far, not inverted.
  [[nodiscard]] auto sum() const -> std::uint16_t;

 private:
  void add_word(std::uint32_t value) { sum_ += value; }

  std::uint64_t sum_ = 0;  // of 32-bit pieces in the machine's byte order
};

// Of bytes on their own.
[[nodiscard]] auto checksum_of(ConstBytes bytes) -> std::uint16_t;

}  // namespace guest::network
