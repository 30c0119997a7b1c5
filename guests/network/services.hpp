// Small services for tests of networks: echo (RFC 862), discard (RFC 863), and a source of bytes.
#pragma once

#include <array>
#include <cstdint>

#include "guests/network/stack.hpp"
#include "guests/network/tcp.hpp"

namespace guest::network {

// Sends received bytes back.
class TcpEcho final : public TcpService {
 public:
  constexpr TcpEcho() = default;
  auto received(Connection& connection, ConstBytes bytes) -> std::size_t override { return connection.write(bytes); }
  [[nodiscard]] auto window(const Connection& connection) const -> std::size_t override { return connection.room(); }
};

class TcpDiscard final : public TcpService {
 public:
  constexpr TcpDiscard() = default;
  auto received(Connection& /*connection*/, ConstBytes bytes) -> std::size_t override { return bytes.size(); }
};

// Reads a line with a decimal number, and sends this many bytes of Pattern.
class TcpSource final : public TcpService {
 public:
  constexpr TcpSource() = default;
  void opened(Connection& connection) override { transfers_[connection.index()] = {}; }
  auto received(Connection& connection, ConstBytes bytes) -> std::size_t override;
  void has_room(Connection& connection) override;
  // A peer may end its stream after the line.
  void peer_closed(Connection& connection) override;

 private:
  struct Transfer {
    std::uint64_t size = 0;
    std::uint64_t sent = 0;
    bool has_begun = false;
  };
  std::array<Transfer, Connection::kMost> transfers_{};
};

class UdpEcho final : public UdpService {
 public:
  constexpr UdpEcho() = default;
  void received(Interface& interface, const UdpDatagram& datagram) override {
    send_udp(interface, datagram.destination_port, datagram.source, datagram.source_port, datagram.payload);
  }
};

}  // namespace guest::network
