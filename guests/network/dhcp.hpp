// A DHCP client (RFC 2131): requests an address until it gets one, and renews its lease.
#pragma once

#include <cstdint>
#include <optional>

#include "guests/network/interface.hpp"
#include "guests/network/udp.hpp"

namespace guest::network {

inline constexpr std::uint16_t kDhcpServerPort = 67;
inline constexpr std::uint16_t kDhcpClientPort = 68;

class DhcpClient {
 public:
  // `seed` must be a different number in each run.
  DhcpClient(Interface& interface, std::uint32_t seed) : interface_{&interface}, transaction_{seed} {}

  // Starts the requests for an address.
  void start(Microseconds now);

  // Handles a datagram to kDhcpClientPort. Configures the interface when a server assigns an address.
  void receive(const UdpDatagram& datagram, Microseconds now);

  // Executes all due actions. Drops the address if no server has renewed the lease in time.
  void poll(Microseconds now);

  // The time of the next poll(). Nothing before start().
  [[nodiscard]] auto deadline() const -> std::optional<Microseconds>;

 private:
  enum class State : std::uint8_t { off, selecting, requesting, bound, renewing };
  struct Message;

  void send(std::uint8_t type);
  void discover(Microseconds now);
  void request(Microseconds now);
  void bind(const Message& message, Microseconds now);
  // Doubles the wait after each attempt, up to a limit.
  void wait_for_answer(Microseconds now);

  Interface* interface_;
  std::uint32_t transaction_;
  State state_ = State::off;
  unsigned attempts_ = 0;
  Microseconds deadline_ = 0;
  Microseconds lease_end_ = 0;
  Ipv4Address offered_;
  Ipv4Address server_;
};

}  // namespace guest::network
