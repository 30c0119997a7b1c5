#include "hermitage/base/network.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <system_error>

#include <arpa/inet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/random.h>

namespace hermitage::base {
namespace {

using Outcome = OrInvalid<void>;

constexpr unsigned kMaxPort = 65535;
constexpr unsigned kMinMtu = 68;  // RFC 791; virtio 1.2, 5.1.4
constexpr unsigned kMaxMtu = 65535;
constexpr std::size_t kMaxDns = 2;
constexpr std::uint8_t kDefaultPrefix = 24;

auto wrong_forward(std::string text) -> std::unexpected<InvalidValue> {
  return invalid(InvalidValue::Code::port_forward, std::move(text));
}

auto wrong_network(std::string text) -> std::unexpected<InvalidValue> {
  return invalid(InvalidValue::Code::network, std::move(text));
}

auto quoted(std::string_view text) -> std::string {
  return "'" + std::string{text} + "'";
}

auto parse_number(std::string_view text, unsigned least, unsigned most) -> std::optional<unsigned> {
  unsigned number = 0;
  const auto* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || rest != end || number < least || number > most) return std::nullopt;
  return number;
}

// ---- Forwarded ports

struct PortRange {
  unsigned first = 0;
  unsigned count = 0;
};

auto parse_range(std::string_view text) -> OrInvalid<PortRange> {
  const auto dash = text.find('-');
  const auto first = parse_number(text.substr(0, dash), 1, kMaxPort);
  const auto last = dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1), 1, kMaxPort);
  if (!first || !last || *first > *last) {
    return wrong_forward(quoted(text) + " is neither a port from 1 to 65535 nor a range of such ports");
  }
  return PortRange{.first = *first, .count = *last - *first + 1};
}

auto parse_transport(std::string_view text) -> OrInvalid<Transport> {
  if (text == "/tcp" || text.empty()) return Transport::tcp;
  if (text == "/udp") return Transport::udp;
  return wrong_forward(quoted(text) + " is neither /tcp nor /udp");
}

auto is_address(int family, const std::string& text) -> bool {
  in6_addr address{};
  return ::inet_pton(family, text.c_str(), &address) == 1;
}

// Removes an address and the colon after it from `text`, if there is one.
auto take_address(std::string_view& text) -> OrInvalid<std::string> {
  if (text.starts_with('[')) {
    const auto end = text.find("]:");
    if (end == std::string_view::npos) return wrong_forward("an address in brackets must be followed by ]:");
    std::string address{text.substr(1, end - 1)};
    if (!is_address(AF_INET6, address)) return wrong_forward(quoted(address) + " is not an IPv6 address");
    text.remove_prefix(end + 2);
    return address;
  }
  const auto colons = std::ranges::count(text, ':');
  if (colons < 2) return {};
  if (colons > 2) return wrong_forward("not [ADDRESS:]HOST:GUEST; an IPv6 address must be in brackets");
  std::string address{text.substr(0, text.find(':'))};
  if (!is_address(AF_INET, address)) {
    return wrong_forward(quoted(address) + " is neither an IPv4 address nor an IPv6 address in brackets");
  }
  text.remove_prefix(address.size() + 1);
  return address;
}

// ---- A network

auto parse_ipv4(std::string_view text) -> std::optional<Ipv4Address> {
  Ipv4Address address{};
  if (::inet_pton(AF_INET, std::string{text}.c_str(), address.data()) != 1) return std::nullopt;
  return address;
}

auto parse_mac(std::string_view text) -> std::optional<MacAddress> {
  MacAddress address{};
  if (text.size() != address.size() * 3 - 1) return std::nullopt;
  for (std::size_t i = 0; i < address.size(); ++i) {
    const auto* const start = text.data() + i * 3;
    const auto [rest, error] = std::from_chars(start, start + 2, address[i], 16);
    if (error != std::errc{} || rest != start + 2) return std::nullopt;
    if (i > 0 && text[i * 3 - 1] != ':') return std::nullopt;
  }
  // The lowest bit of the first byte marks a group address, which is not valid for a card.
  if ((address[0] & 1U) != 0 || address == MacAddress{}) return std::nullopt;
  return address;
}

auto is_interface_name(std::string_view name) -> bool {
  const auto is_odd = [](char character) { return character <= ' ' || character > '~' || character == '/'; };
  return !name.empty() && name.size() < IFNAMSIZ && std::ranges::none_of(name, is_odd);
}

auto parse_mode(std::string_view text, NetworkSpec& spec) -> Outcome {
  constexpr std::string_view kTap = "tap:";
  constexpr std::string_view kDescriptor = "fd:";
  constexpr int kFirstDescriptor = 3;  // after the standard streams
  if (text == "none") return {};
  if (text == "user") {
    spec.mode = NetworkMode::user;
    return {};
  }
  if (text == "tap") {
    spec.mode = NetworkMode::tap;
    return {};
  }
  if (text.starts_with(kTap)) {
    spec.mode = NetworkMode::tap;
    spec.interface = text.substr(kTap.size());
    if (is_interface_name(spec.interface)) return {};
    return wrong_network(quoted(spec.interface) + " is not a valid interface name (1 to 15 characters)");
  }
  if (text.starts_with(kDescriptor)) {
    const auto number = parse_number(text.substr(kDescriptor.size()), kFirstDescriptor, INT_MAX);
    if (!number) return wrong_network(quoted(text) + " does not name a descriptor of 3 or above");
    spec.mode = NetworkMode::descriptor;
    spec.descriptor = static_cast<int>(*number);
    return {};
  }
  return wrong_network(quoted(text) + " is not one of none, user, tap, tap:NAME and fd:N");
}

// Parses the settings after the mode.
class Settings {
 public:
  explicit Settings(NetworkSpec& spec) : spec_{spec} {}

  auto take(std::string_view setting) -> Outcome {
    const auto equals = setting.find('=');
    const auto key = setting.substr(0, equals);
    const auto* const known = std::ranges::find(kSettings, key, &Setting::key);
    if (known == std::end(kSettings) || (spec_.mode == NetworkMode::user && !known->is_for_user)) {
      return wrong_network(quoted(key) + " is not a setting of this network; " + known_here());
    }
    if (equals == std::string_view::npos)
      return wrong_network(quoted(key) + " needs a value: " + std::string{key} + "=…");
    const auto index = static_cast<std::size_t>(known - std::begin(kSettings));
    if (++times_[index] > known->most) return wrong_network(std::string{key} + "= is given too many times");
    const auto value = setting.substr(equals + 1);
    if ((this->*known->set)(value)) return {};
    return wrong_network(std::string{setting} + ": not " + known->expected);
  }

  auto finish() -> Outcome {
    if (!has_address_ && (address_.gateway || !address_.dns.empty())) return wrong_network("gw= and dns= require ip=");
    if (has_address_) spec_.address = std::move(address_);
    return {};
  }

 private:
  struct Setting {
    std::string_view key;
    bool (Settings::*set)(std::string_view value);
    const char* expected;
    bool is_for_user;
    std::size_t most;  // number of times that it may be given
  };

  [[nodiscard]] auto known_here() const -> std::string {
    std::string keys;
    for (const auto& setting : kSettings) {
      if (spec_.mode != NetworkMode::user || setting.is_for_user) keys += " " + std::string{setting.key} + "=";
    }
    return "there are" + keys;
  }

  auto set_vhost(std::string_view value) -> bool {
    if (value == "on") spec_.vhost = Vhost::on;
    if (value == "off") spec_.vhost = Vhost::off;
    return value == "on" || value == "off" || value == "auto";
  }

  auto set_mac(std::string_view value) -> bool {
    spec_.mac = parse_mac(value);
    return spec_.mac.has_value();
  }

  auto set_mtu(std::string_view value) -> bool {
    const auto mtu = parse_number(value, kMinMtu, kMaxMtu);
    if (mtu) spec_.mtu = static_cast<std::uint16_t>(*mtu);
    return mtu.has_value();
  }

  auto set_address(std::string_view value) -> bool {
    const auto slash = value.find('/');
    const auto address = parse_ipv4(value.substr(0, slash));
    const auto length = slash == std::string_view::npos ? kDefaultPrefix : parse_number(value.substr(slash + 1), 1, 32);
    if (!address || !length) return false;
    address_.address = *address;
    address_.prefix_length = static_cast<std::uint8_t>(*length);
    has_address_ = true;
    return true;
  }

  auto set_gateway(std::string_view value) -> bool {
    address_.gateway = parse_ipv4(value);
    return address_.gateway.has_value();
  }

  auto add_dns(std::string_view value) -> bool {
    const auto address = parse_ipv4(value);
    if (address) address_.dns.push_back(*address);
    return address.has_value();
  }

  static constexpr Setting kSettings[] = {
      {"vhost", &Settings::set_vhost, "one of auto, on and off", false, 1},
      {"mac", &Settings::set_mac, "an Ethernet address such as 02:00:00:00:00:01", true, 1},
      {"mtu", &Settings::set_mtu, "a number from 68 to 65535", true, 1},
      {"ip", &Settings::set_address, "an IPv4 address such as 10.0.5.3/24", false, 1},
      {"gw", &Settings::set_gateway, "an IPv4 address", false, 1},
      {"dns", &Settings::add_dns, "an IPv4 address", false, kMaxDns},
  };

  NetworkSpec& spec_;
  std::array<std::size_t, std::size(kSettings)> times_{};
  StaticAddress address_;
  bool has_address_ = false;
};

}  // namespace

auto parse_port_forward(std::string_view text) -> OrInvalid<PortForward> {
  const auto slash = std::min(text.rfind('/'), text.size());
  const auto transport = parse_transport(text.substr(slash));
  if (!transport) return std::unexpected{transport.error()};
  text = text.substr(0, slash);
  auto address = take_address(text);
  if (!address) return std::unexpected{address.error()};
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos) {
    return wrong_forward("not [ADDRESS:]HOST:GUEST, a port of the host and one of the guest");
  }
  const auto host = parse_range(text.substr(0, colon));
  if (!host) return std::unexpected{host.error()};
  const auto guest = parse_range(text.substr(colon + 1));
  if (!guest) return std::unexpected{guest.error()};
  if (host->count != guest->count) {
    return wrong_forward("a range of " + std::to_string(host->count) + " ports cannot be forwarded to a range of " +
                         std::to_string(guest->count));
  }
  return PortForward{.address = std::move(*address),
                     .host_port = static_cast<std::uint16_t>(host->first),
                     .guest_port = static_cast<std::uint16_t>(guest->first),
                     .count = static_cast<std::uint16_t>(host->count),
                     .transport = *transport};
}

auto parse_network(std::string_view text) -> OrInvalid<NetworkSpec> {
  NetworkSpec spec;
  auto end = std::min(text.find(','), text.size());
  if (auto parsed = parse_mode(text.substr(0, end), spec); !parsed) return std::unexpected{parsed.error()};
  Settings settings{spec};
  while (end < text.size()) {
    text.remove_prefix(end + 1);
    end = std::min(text.find(','), text.size());
    if (spec.mode == NetworkMode::none) return wrong_network("the network none takes no settings");
    if (auto taken = settings.take(text.substr(0, end)); !taken) return std::unexpected{taken.error()};
  }
  if (auto finished = settings.finish(); !finished) return std::unexpected{finished.error()};
  return spec;
}

auto is_tap(int descriptor) noexcept -> bool {
  ifreq request{};
  return ::ioctl(descriptor, TUNGETIFF, &request) == 0;
}

auto to_string(const Ipv4Address& address) -> std::string {
  std::string text;
  for (const auto byte : address) text += (text.empty() ? "" : ".") + std::to_string(byte);
  return text;
}

auto random_mac() -> std::expected<MacAddress, int> {
  MacAddress mac{};
  if (::getrandom(mac.data(), mac.size(), 0) != static_cast<ssize_t>(mac.size())) return std::unexpected{errno};
  mac[0] = 0x02;  // locally administered, unicast
  return mac;
}

auto to_string(const MacAddress& address) -> std::string {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const auto byte : address) {
    if (!text.empty()) text += ':';
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

auto netmask(std::uint8_t prefix_length) -> Ipv4Address {
  Ipv4Address mask{};
  for (unsigned bit = 0; bit < prefix_length && bit < 32; ++bit) {
    mask[bit / 8] = static_cast<std::uint8_t>(mask[bit / 8] | (0x80U >> (bit % 8)));
  }
  return mask;
}

}  // namespace hermitage::base
