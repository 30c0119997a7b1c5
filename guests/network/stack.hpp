// The whole network stack: handles received frames, sends frames, and executes due actions.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "guests/network/dhcp.hpp"
#include "guests/network/interface.hpp"
#include "guests/network/ip_packet.hpp"
#include "guests/network/neighbour_discovery.hpp"
#include "guests/network/tcp.hpp"
#include "guests/network/udp.hpp"

namespace guest::network {

// A service that receives the datagrams to a port.
class UdpService {
 public:
  UdpService(const UdpService&) = delete;
  auto operator=(const UdpService&) -> UdpService& = delete;

  virtual void received(Interface& interface, const UdpDatagram& datagram) = 0;

 protected:
  constexpr UdpService() = default;
  ~UdpService() = default;
};

class Stack {
 public:
  // `seed` must be a different number in each run.
  Stack(Link& link, const MacAddress& mac, std::uint16_t mtu, std::uint64_t seed)
      : interface_{link, mac, mtu},
        dhcp_{interface_, static_cast<std::uint32_t>(seed)},
        routers_{interface_},
        tcp_{interface_, seed} {}
  Stack(const Stack&) = delete;
  auto operator=(const Stack&) -> Stack& = delete;

  [[nodiscard]] auto interface() -> Interface& { return interface_; }
  [[nodiscard]] auto dhcp() -> DhcpClient& { return dhcp_; }
  [[nodiscard]] auto routers() -> RouterDiscovery& { return routers_; }
  [[nodiscard]] auto tcp() -> Tcp& { return tcp_; }

  // Passes datagrams to `port` to `service`. At most 4 ports; returns false for more.
  auto listen(std::uint16_t port, UdpService& service) -> bool;

  // Handles a received frame. `is_checked`: the checksums of TCP and UDP are known to be correct.
  void receive(ConstBytes frame, bool is_checked, Microseconds now);

  // Sends waiting data, and executes all due actions.
  void poll(Microseconds now);
  // The time of the next poll() if no frame arrives.
  [[nodiscard]] auto deadline() const -> std::optional<Microseconds>;

 private:
  struct Listener {
    std::uint16_t port = 0;
    UdpService* service = nullptr;
  };

  void receive_packet(const IpPacket& packet, bool is_checked, Microseconds now);
  void receive_udp(const IpPacket& packet, bool is_checked, Microseconds now);

  Interface interface_;
  DhcpClient dhcp_;
  RouterDiscovery routers_;
  Tcp tcp_;
  std::array<Listener, 4> listeners_{};
};

}  // namespace guest::network
