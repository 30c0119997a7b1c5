// Bytes for tests of transfers: byte number i is i modulo 251. Because 251 is prime, pieces of the stream at offsets
// that differ by a power of two are different.
#pragma once

#include <array>
#include <cstdint>

#include "guests/network/tcp.hpp"
#include "guests/network/wire.hpp"

namespace guest::network {

class Pattern {
 public:
  // Writes the stream's bytes from number `at` on: at most `size`, and at most as many as the connection accepts.
  // Returns their number.
  static auto write(Connection& connection, std::uint64_t at, std::uint64_t size) -> std::uint64_t {
    std::uint64_t done = 0;
    while (done < size) {
      const auto begin = (at + done) % kPeriod;
      const auto rest = size - done;
      const auto piece = kBytes.size() - begin < rest ? kBytes.size() - begin : rest;
      const auto taken = connection.write(std::as_bytes(std::span{kBytes}).subspan(begin, piece));
      done += taken;
      if (taken < piece) break;
    }
    return done;
  }

 private:
  static constexpr std::size_t kPeriod = 251;
  static constexpr auto kBytes = [] {
    std::array<std::uint8_t, 8 * kPeriod> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i % kPeriod);
    return bytes;
  }();
};

}  // namespace guest::network
