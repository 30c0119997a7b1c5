// What a guest's network is made of: ports that the host forwards, and what is behind the guest's card.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hermitage::base {

enum class Transport : std::uint8_t { tcp, udp };

// Ports of the host that lead to ports of the guest, one to one.
struct PortForward {
  std::string address;  // of the host: IPv4, or IPv6 without brackets. Empty: all addresses of the host
  std::uint16_t host_port = 0;
  std::uint16_t guest_port = 0;
  std::uint16_t count = 1;  // of ports, from these two up
  Transport transport = Transport::tcp;

  friend auto operator==(const PortForward&, const PortForward&) -> bool = default;
};

// In network byte order, as it is written.
using Ipv4Address = std::array<std::uint8_t, 4>;
using MacAddress = std::array<std::uint8_t, 6>;

// What the guest is told of its address, where it does not ask by DHCP.
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
  tap,         // an interface of the host's
  descriptor,  // an open tap or socket, which this process has inherited
};

enum class Vhost : std::uint8_t { automatic, on, off };

struct NetworkSpec {
  NetworkMode mode = NetworkMode::none;
  std::string interface;  // of tap. Empty: one is made
  int descriptor = -1;    // of descriptor
  Vhost vhost = Vhost::automatic;
  std::optional<MacAddress> mac;
  std::optional<std::uint16_t> mtu;
  std::optional<StaticAddress> address;

  friend auto operator==(const NetworkSpec&, const NetworkSpec&) -> bool = default;
};

// [ADDRESS:]HOST:GUEST[/tcp|/udp], where HOST and GUEST are a port, 1 to 65535, or ranges of one size, FIRST-LAST. An
// IPv6 address is in brackets. The error is a sentence about what is wrong.
[[nodiscard]] auto parse_port_forward(std::string_view text) -> std::expected<PortForward, std::string>;

// none, user, tap, tap:NAME or fd:N, and settings behind it, each after a comma: vhost=auto|on|off, mac=, mtu=,
// ip=ADDRESS[/LENGTH], gw=ADDRESS and dns=ADDRESS, this one up to twice. A LENGTH that is not there is 24. user takes
// mac and mtu only, none takes nothing. The error is a sentence about what is wrong.
[[nodiscard]] auto parse_network(std::string_view text) -> std::expected<NetworkSpec, std::string>;

// Whether an open descriptor is one of /dev/net/tun, with an interface.
[[nodiscard]] auto is_tap(int descriptor) noexcept -> bool;

// 10.0.5.3
[[nodiscard]] auto to_string(const Ipv4Address& address) -> std::string;
// 02:00:00:00:00:01
[[nodiscard]] auto to_string(const MacAddress& address) -> std::string;
// Of one station, and given by nobody. Fails with the error number of getrandom(2).
[[nodiscard]] auto random_mac() -> std::expected<MacAddress, int>;
// 24 as 255.255.255.0.
[[nodiscard]] auto netmask(std::uint8_t prefix_length) -> Ipv4Address;

}  // namespace hermitage::base
