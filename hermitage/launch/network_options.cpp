#include "hermitage/launch/network_options.hpp"

#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "hermitage/base/network.hpp"
#include "hermitage/vmm/net/inherited.hpp"
#include "hermitage/vmm/net/passt.hpp"
#include "hermitage/vmm/net/pcap.hpp"
#include "hermitage/vmm/net/tap.hpp"

namespace hermitage::launch {
namespace {

using Warn = std::function<void(std::string_view)>;
using vmm::net::Backend;

constexpr std::uint16_t kUsualMtu = 1500;

auto failure_of(vmm::Error error) -> std::unexpected<Failure> {
  const bool is_usage = error.code == vmm::ErrorCode::configuration;
  return std::unexpected{Failure{.code = is_usage ? Failure::Code::usage : Failure::Code::not_started,
                                 .subject = {},
                                 .text = std::move(error.text)}};
}

// Opens an interface, or creates one and reports its name. Sets `mtu` to that of the interface, if it is known.
auto open_tap(const LaunchSpec& spec, const Warn& warn, std::optional<std::uint16_t>& mtu)
    -> OrFailure<std::unique_ptr<Backend>> {
  const auto& name = spec.network.interface;
  auto tap = name.empty() ? vmm::net::Tap::make() : vmm::net::Tap::open(name);
  if (!tap) return failure_of(std::move(tap.error()));
  if (name.empty() && warn) warn(fmt::format("the guest's network is the interface {}", (*tap)->name()));
  if ((*tap)->mtu() != 0) mtu = (*tap)->mtu();
  return std::move(*tap);
}

auto open_backend(const LaunchSpec& spec, const Warn& warn, std::optional<std::uint16_t>& mtu)
    -> OrFailure<std::unique_ptr<Backend>> {
  if (spec.network.mode == base::NetworkMode::tap) return open_tap(spec, warn, mtu);
  if (spec.network.mode == base::NetworkMode::descriptor) {
    auto inherited = vmm::net::open_inherited(spec.network.descriptor);
    if (!inherited) return failure_of(std::move(inherited.error()));
    return std::move(*inherited);
  }
  auto passt = vmm::net::Passt::start({.forwards = spec.forwards, .mtu = spec.network.mtu.value_or(kUsualMtu)});
  if (!passt) return failure_of(std::move(passt.error()));
  return std::move(*passt);
}

// Null if the spec turns vhost off, or if vhost is optional and not available.
auto open_vhost(const LaunchSpec& spec, const Backend& backend) -> OrFailure<std::unique_ptr<vmm::virtio::VhostNet>> {
  if (spec.network.vhost == base::Vhost::off) return nullptr;
  const bool is_needed = spec.network.vhost == base::Vhost::on;
  if (backend.tap() < 0) {
    if (is_needed) return wrong_usage("--net: vhost=on is for a tap interface");
    return nullptr;
  }
  auto vhost = vmm::virtio::VhostNet::open(backend.tap());
  if (vhost) return std::move(*vhost);
  if (is_needed) return failure_of(std::move(vhost.error()));
  return nullptr;
}

}  // namespace

auto open_network(const LaunchSpec& spec, const Warn& warn) -> OrFailure<std::optional<vmm::NetworkOptions>> {
  if (spec.network.mode == base::NetworkMode::none) return std::nullopt;
  const bool needs_vhost = spec.network.vhost == base::Vhost::on;
  if (needs_vhost && !spec.pcap.empty()) return wrong_usage("--pcap: no frames are seen with vhost=on; leave one out");
  const auto mac = spec.network.mac ? std::expected<base::MacAddress, int>{*spec.network.mac} : base::random_mac();
  if (!mac) return not_started("getrandom", std::strerror(mac.error()));
  std::optional<std::uint16_t> mtu;
  auto backend = open_backend(spec, warn, mtu);
  if (!backend) return std::unexpected{std::move(backend.error())};
  if (!spec.pcap.empty()) {
    auto pcap = vmm::net::Pcap::create(spec.pcap, std::move(*backend), [warn](const std::string& line) {
      if (warn) warn(line);
    });
    if (!pcap) return not_started({}, std::move(pcap.error().text));
    *backend = std::move(*pcap);
  }
  auto vhost = open_vhost(spec, **backend);
  if (!vhost) return std::unexpected{std::move(vhost.error())};
  if (spec.network.mtu) mtu = spec.network.mtu;
  return vmm::NetworkOptions{
      .backend = std::move(*backend), .vhost = std::move(*vhost), .card = {.mac = *mac, .mtu = mtu}};
}

}  // namespace hermitage::launch
