// What is asked of the services of the guest `net`, and how long that takes.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace net_bench {

// Where a guest's services are: an IPv4 address and the port of HTTP and of the UDP echo.
struct Place {
  std::string address;
  std::uint16_t port = 0;
};

struct Exchange {
  std::chrono::nanoseconds took{};
  std::optional<std::chrono::nanoseconds> median = std::nullopt;  // of single round trips
  std::uint64_t lost = 0;                                         // datagrams that had to be sent again
};

// So many of a service, or so many bytes. Fails with a message if the guest does not answer within `limit`, or answers
// something else than it should.
//   round-trips  datagrams of 64 bytes to the UDP echo, each when the one before is back
//   packets      the same, of which 32 are under way at a time
//   in           a body that the guest takes, and answers with its CRC-32
//   out          bytes that are known, which the guest sends
[[nodiscard]] auto use(std::string_view service, const Place& place, std::uint64_t amount, std::chrono::seconds limit)
    -> std::expected<Exchange, std::string>;

// By a datagram to the port behind that of the services. It may be lost.
void ask_to_end(const Place& place);

}  // namespace net_bench
