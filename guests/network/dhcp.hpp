// A DHCP client (RFC 2131): asks for an address until it has one, and renews it.
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
  // `seed`: any number, that is another one in each run.
  DhcpClient(Interface& interface, std::uint32_t seed) : interface_{&interface}, transaction_{seed} {}

  // Asks for an address, from now on.
  void start(Microseconds now);

  // A datagram for kDhcpClientPort. Configures the interface when a server has given an address.
  void receive(const UdpDatagram& datagram, Microseconds now);

  // Does what is due. Gives the address up when no server has renewed it in time.
  void poll(Microseconds now);

  // When poll is to be called next; nothing before `start`.
  [[nodiscard]] auto deadline() const -> std::optional<Microseconds>;

 private:
  enum class State : std::uint8_t { off, selecting, requesting, bound, renewing };
  struct Message;

  void send(std::uint8_t type);
  void discover(Microseconds now);
  void request(Microseconds now);
  void bind(const Message& message, Microseconds now);
  // Waits longer from attempt to attempt.
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
