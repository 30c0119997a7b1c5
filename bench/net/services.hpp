// Requests to the services of the guest `net`, and their times.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace net_bench {

// The address of a guest's services: an IPv4 address, and the port of HTTP and of the UDP echo.
struct Place {
  std::string address;
  std::uint16_t port = 0;
};

struct Exchange {
  std::chrono::nanoseconds took{};
  std::optional<std::chrono::nanoseconds> median = std::nullopt;  // of single round trips
  std::uint64_t lost = 0;                                         // datagrams that had to be sent again
};

// Uses a service: `amount` is a number of datagrams or bytes. Fails with a message if the guest does not answer
// within `limit`, or if its answer is wrong.
//   round-trips  datagrams of 64 bytes to the UDP echo, one at a time
//   packets      the same, 32 at a time
//   in           a body to the guest, which answers with its CRC-32
//   out          bytes of a known pattern from the guest
[[nodiscard]] auto use(std::string_view service, const Place& place, std::uint64_t amount, std::chrono::seconds limit)
    -> std::expected<Exchange, std::string>;

// Sends a datagram to the next port after that of the services. The datagram may be lost.
void ask_to_end(const Place& place);

}  // namespace net_bench
