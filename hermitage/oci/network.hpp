// The network of a guest in a container: the guest takes over the container's interface.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/oci/image/json.hpp"

namespace hermitage::oci {

// "tap": the default. "none": the guest has no network, whatever network the container has.
inline constexpr std::string_view kNetworkAnnotation = "org.hermitage.network";

// The network that a container requests.
struct NetworkPlan {
  std::string name_space = {};  // the path of its network namespace on the host; empty: the guest has no network
};

// Fails if published ports would silently lead nowhere: with the host's network, and with a network that the engine
// sets up only after the container has been created (one with a user namespace, if no path is given). The error is a
// sentence.
[[nodiscard]] auto plan_network(const Json& config) -> std::expected<NetworkPlan, std::string>;

// The nameservers with IPv4 addresses in the text of a resolv.conf(5), at most two.
[[nodiscard]] auto nameservers_in(std::string_view resolv_conf) -> std::vector<std::string>;

// The nameservers of the container, from the volume that the engine mounts at /etc/resolv.conf.
[[nodiscard]] auto nameservers_of(const Json& config) -> std::vector<std::string>;

struct GuestNetwork {
  base::Descriptor tap;  // an open tap interface in the container's network namespace
  std::string mac;
  unsigned mtu = 0;
  std::string address = {};  // IPv4, with the length of its prefix; empty: none
  std::string gateway = {};  // IPv4; empty: none

  // The value of `run --net`, with this descriptor.
  [[nodiscard]] auto option(int descriptor, const std::vector<std::string>& nameservers) const -> std::string;
};

// Makes a tap interface in a network namespace, and redirects every frame that arrives at the interface of its default
// route (or else its only one) to the tap, and every frame from the tap to the interface. The guest uses the
// interface's addresses. Replaces what an earlier container has left. Nothing if the namespace has no interface with a
// link. The error is a sentence: the host's own namespace, another guest in the namespace, or a failed call.
[[nodiscard]] auto open_network(const NetworkPlan& plan) -> std::expected<std::optional<GuestNetwork>, std::string>;

}  // namespace hermitage::oci
