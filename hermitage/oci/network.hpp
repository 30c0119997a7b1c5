// The network of a guest in a container: the guest takes over the container's interface, or passt makes its
// connections.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/base/network.hpp"
#include "hermitage/oci/image/json.hpp"

namespace hermitage::oci {

// "tap" or "passt": see NetworkPlan. "none": the guest has no network, whatever network the container has.
inline constexpr std::string_view kNetworkAnnotation = "org.hermitage.network";
// The ports of the container that passt forwards to the guest, separated by commas: see base::parse_port_forward(). Or
// "none". It selects passt.
inline constexpr std::string_view kPublishAnnotation = "org.hermitage.publish";

// The network that a container requests.
struct NetworkPlan {
  enum class Kind : std::uint8_t {
    none,   // the guest has no network
    tap,    // the guest takes over the container's interface
    passt,  // a process makes connections for the guest, which shares the container's address with other programs
  };

  Kind kind = Kind::none;
  bool can_be_passt = false;                     // instead of a tap: the user has not chosen
  std::string name_space = {};                   // the path of the network namespace on the host; empty: the host's own
  std::vector<base::PortForward> forwards = {};  // for passt
};

// Fails if published ports would silently lead nowhere: with the host's network and a tap, and with a network that the
// engine sets up only after the container has been created (one with a user namespace, if no path is given). The error
// is a sentence.
[[nodiscard]] auto plan_network(const Json& config) -> std::expected<NetworkPlan, std::string>;

// The nameservers with IPv4 addresses in the text of a resolv.conf(5), at most two.
[[nodiscard]] auto nameservers_in(std::string_view resolv_conf) -> std::vector<std::string>;

// The nameservers of the container, from the volume that the engine mounts at /etc/resolv.conf.
[[nodiscard]] auto nameservers_of(const Json& config) -> std::vector<std::string>;

struct GuestNetwork {
  base::Descriptor link;  // an open tap interface in the container's network namespace, or a socket of passt
  std::string mac = {};   // empty for passt, of which the guest learns the rest by DHCP
  unsigned mtu = 0;
  std::string address = {};  // IPv4, with the length of its prefix; empty: none
  std::string gateway = {};  // IPv4; empty: none

  // The value of `run --net`, with this descriptor. A guest that continues from a snapshot has its settings already,
  // apart from the MAC address.
  [[nodiscard]] auto option(int descriptor, const std::vector<std::string>& nameservers) const -> std::string;
  [[nodiscard]] auto option_for_snapshot(int descriptor) const -> std::string;
};

// With a tap: makes a tap interface in a network namespace, and redirects every frame that arrives at the interface of
// its default route (or else its only one) to the tap, and every frame from the tap to the interface. The guest uses
// the interface's addresses. Nothing if the namespace has no interface with a link. With passt: starts it in the
// namespace. Without a choice of the user, passt takes the place of a tap if it serves other guests in the namespace,
// or if the host lacks what a tap needs. Removes what an earlier container has left. The error is a sentence: the
// host's own namespace (with a tap), another guest in the namespace that a tap would cut off, or a failed call.
[[nodiscard]] auto open_network(const NetworkPlan& plan, const std::vector<std::string>& nameservers)
    -> std::expected<std::optional<GuestNetwork>, std::string>;

// Whether this host has what a tap needs: makes one with its redirection, in a network namespace that ends with this
// call. The error is a sentence: the call that failed, such as unshare(2) without privileges.
[[nodiscard]] auto try_tap() -> std::expected<void, std::string>;

}  // namespace hermitage::oci
