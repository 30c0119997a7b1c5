// A guest's network: the ports that the host forwards, and the backend of the guest's network card.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/base/invalid_value.hpp"

namespace hermitage::base {

enum class Transport : std::uint8_t { tcp, udp };

// A range of host ports that is forwarded to a range of guest ports of the same size.
struct PortForward {
  std::string address;  // of the host: IPv4, or IPv6 without brackets. Empty: all addresses of the host
  std::uint16_t host_port = 0;
  std::uint16_t guest_port = 0;
  std::uint16_t count = 1;  // of ports, from these two up
  Transport transport = Transport::tcp;

  friend auto operator==(const PortForward&, const PortForward&) -> bool = default;
};

// In network byte order.
using Ipv4Address = std::array<std::uint8_t, 4>;
using MacAddress = std::array<std::uint8_t, 6>;

// The static configuration of a guest that does not use DHCP.
struct StaticAddress {
  Ipv4Address address{};
  std::uint8_t prefix_length = 0;  // 1 to 32
  std::optional<Ipv4Address> gateway;
  std::vector<Ipv4Address> dns;  // at most 2

  friend auto operator==(const StaticAddress&, const StaticAddress&) -> bool = default;
};

enum class NetworkMode : std::uint8_t {
  none,
  user,        // a process without privileges makes connections for the guest
  tap,         // an interface of the host
  descriptor,  // an open tap or socket, which this process has inherited
};

enum class Vhost : std::uint8_t { automatic, on, off };

struct NetworkSpec {
  NetworkMode mode = NetworkMode::none;
  std::string interface;  // of tap. Empty: create one
  int descriptor = -1;    // of descriptor
  Vhost vhost = Vhost::automatic;
  std::optional<MacAddress> mac;
  std::optional<std::uint16_t> mtu;
  std::optional<StaticAddress> address;

  friend auto operator==(const NetworkSpec&, const NetworkSpec&) -> bool = default;
};

// [ADDRESS:]HOST:GUEST[/tcp|/udp], where HOST and GUEST are a port, 1 to 65535, or ranges of one size, FIRST-LAST. An
// IPv6 address is in brackets.
[[nodiscard]] auto parse_port_forward(std::string_view text) -> OrInvalid<PortForward>;

// none, user, tap, tap:NAME or fd:N, followed by settings, each after a comma: vhost=auto|on|off, mac=, mtu=,
// ip=ADDRESS[/LENGTH], gw=ADDRESS and dns=ADDRESS, at most twice. LENGTH defaults to 24. user accepts only mac and mtu,
// none accepts no settings.
[[nodiscard]] auto parse_network(std::string_view text) -> OrInvalid<NetworkSpec>;

// Whether a descriptor is an open /dev/net/tun that is attached to an interface.
[[nodiscard]] auto is_tap(int descriptor) noexcept -> bool;

// 10.0.5.3
[[nodiscard]] auto to_string(const Ipv4Address& address) -> std::string;
// 02:00:00:00:00:01
[[nodiscard]] auto to_string(const MacAddress& address) -> std::string;
// A random unicast address, locally administered. Fails with the error number of getrandom(2).
[[nodiscard]] auto random_mac() -> std::expected<MacAddress, int>;
// 24 as 255.255.255.0.
[[nodiscard]] auto netmask(std::uint8_t prefix_length) -> Ipv4Address;

}  // namespace hermitage::base
