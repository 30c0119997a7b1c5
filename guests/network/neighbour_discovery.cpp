#include "guests/network/neighbour_discovery.hpp"

#include "guests/network/icmp.hpp"

namespace guest::network {
namespace {

enum class Message : std::uint8_t {
  router_solicitation = 133,
  router_advertisement = 134,
  neighbour_solicitation = 135,
  neighbour_advertisement = 136,
};

namespace option {
constexpr std::uint8_t kSourceMac = 1;
constexpr std::uint8_t kTargetMac = 2;
constexpr std::uint8_t kPrefix = 3;
}  // namespace option

// Options have a multiple of 8 bytes: kind, size in that unit, and content.
constexpr std::size_t kOptionUnit = 8;
constexpr std::size_t kPrefixSize = 32;

constexpr std::size_t kTargetAt = 8;
constexpr std::size_t kNeighbourMessageSize = 24;
constexpr std::size_t kSolicitationSize = 8;
constexpr std::size_t kAdvertisementSize = 16;

constexpr std::uint32_t kIsAnswer = 0x4000'0000;
constexpr std::uint32_t kReplacesOld = 0x2000'0000;

constexpr unsigned kMostQuestions = 3;
constexpr Microseconds kQuestionInterval = 4 * kSecond;

// The option of this kind and size, with these two bytes. Nothing if it is missing, or if an option before it is
// damaged.
auto find_option(ConstBytes options, std::uint8_t kind, std::size_t wanted_size) -> std::optional<ConstBytes> {
  while (options.size() >= kOptionUnit) {
    const std::size_t size = kOptionUnit * get8(options, 1);
    if (size == 0 || size > options.size()) return std::nullopt;
    if (get8(options, 0) == kind && size == wanted_size) return options.first(size);
    options = options.subspan(size);
  }
  return std::nullopt;
}

auto find_mac(ConstBytes options, std::uint8_t kind) -> std::optional<MacAddress> {
  const auto option = find_option(options, kind, kOptionUnit);
  if (!option) return std::nullopt;
  const auto mac = get_mac(*option, 2);
  return mac.is_group() ? std::nullopt : std::optional{mac};
}

void put_mac_option(Bytes bytes, std::size_t at, std::uint8_t kind, const MacAddress& mac) {
  put8(bytes, at, kind);
  put8(bytes, at + 1, 1);
  put_mac(bytes, at + 2, mac);
}

// Sends the message in `bytes`, the beginning of the interface's packet, whose first four bytes are not yet written.
void send(Interface& interface, Message message, const Ipv6Address& destination, Bytes bytes) {
  put16(bytes, 0, static_cast<std::uint16_t>(static_cast<unsigned>(message) << 8));
  put16(bytes, 2, 0);
  put16(bytes, 2, icmp_checksum(interface.source_for(destination), destination, bytes));
  interface.send(Protocol::icmpv6, destination, bytes.size());
}

// The memory for a message with one option. None if the link is full.
auto message_of(Interface& interface, const Ipv6Address& destination, std::size_t size) -> Bytes {
  const auto room = interface.packet(destination);
  return room.empty() ? room : room.first(size + kOptionUnit);
}

void tell_mac(Interface& interface, const Ipv6Address& own, const Ipv6Address& asker) {
  // A host that does not have its address yet cannot be answered alone.
  const auto destination = asker.is_none() ? kAllNodes : asker;
  const auto bytes = message_of(interface, destination, kNeighbourMessageSize);
  if (bytes.empty()) return;
  put32(bytes, 4, kReplacesOld | (asker.is_none() ? 0 : kIsAnswer));
  put_ipv6(bytes, kTargetAt, own);
  put_mac_option(bytes, kNeighbourMessageSize, option::kTargetMac, interface.mac());
  send(interface, Message::neighbour_advertisement, destination, bytes);
}

void receive_solicitation(Interface& interface, const IpPacket& packet) {
  const auto bytes = packet.payload;
  if (bytes.size() < kNeighbourMessageSize) return;
  const auto target = get_ipv6(bytes, kTargetAt);
  if (!interface.is_address(target)) return;
  const auto mac = find_mac(bytes.subspan(kNeighbourMessageSize), option::kSourceMac);
  if (mac && packet.source.is_host()) interface.set_neighbour(packet.source, *mac);
  if (packet.source.is_host() || packet.source.is_none()) tell_mac(interface, target, packet.source.ipv6());
}

void receive_advertisement(Interface& interface, ConstBytes bytes) {
  if (bytes.size() < kNeighbourMessageSize) return;
  const IpAddress target = get_ipv6(bytes, kTargetAt);
  const auto mac = find_mac(bytes.subspan(kNeighbourMessageSize), option::kTargetMac);
  if (mac && target.is_host() && !interface.is_address(target)) interface.set_neighbour(target, *mac);
}

// Takes the prefix of an option if hosts may make addresses under it.
void take_prefix(ConstBytes option, Ipv6Configuration& configuration) {
  constexpr std::uint8_t kIsOnLink = 0x80;
  constexpr std::uint8_t kIsForAddresses = 0x40;
  const auto flags = get8(option, 3);
  const auto lifetime = get32(option, 4);
  const auto prefix = get_ipv6(option, 16);
  const bool is_usable =
      get8(option, 2) == 64 && (flags & kIsForAddresses) != 0 && !prefix.is_link_local() && IpAddress{prefix}.is_host();
  if (!is_usable) return;
  if (lifetime == 0) {
    if (configuration.prefix.is_in(prefix)) configuration.prefix = {};
    return;
  }
  configuration.prefix = prefix;
  configuration.is_on_link = (flags & kIsOnLink) != 0;
}

void receive_router(Interface& interface, const IpPacket& packet) {
  const auto bytes = packet.payload;
  const auto& router = packet.source.ipv6();
  if (bytes.size() < kAdvertisementSize || !router.is_link_local()) return;
  const auto options = bytes.subspan(kAdvertisementSize);
  if (const auto mac = find_mac(options, option::kSourceMac)) interface.set_neighbour(router, *mac);
  auto configuration = interface.ipv6_configuration();
  const auto lifetime = get16(bytes, 6);
  if (lifetime != 0) {
    configuration.router = router;
  } else if (configuration.router == router) {
    configuration.router = {};
  }
  if (const auto prefix = find_option(options, option::kPrefix, kPrefixSize)) take_prefix(*prefix, configuration);
  interface.configure(configuration);
}

}  // namespace

void ask_for_neighbour(Interface& interface, const Ipv6Address& neighbour) {
  const auto destination = solicited_node_of(neighbour);
  const auto bytes = message_of(interface, destination, kNeighbourMessageSize);
  if (bytes.empty()) return;
  put32(bytes, 4, 0);
  put_ipv6(bytes, kTargetAt, neighbour);
  put_mac_option(bytes, kNeighbourMessageSize, option::kSourceMac, interface.mac());
  send(interface, Message::neighbour_solicitation, destination, bytes);
}

void receive_neighbour_discovery(Interface& interface, const IpPacket& packet) {
  const auto bytes = packet.payload;
  if (!packet.is_from_link || bytes.size() < kSolicitationSize || get8(bytes, 1) != 0) return;
  switch (static_cast<Message>(get8(bytes, 0))) {
    case Message::router_advertisement: return receive_router(interface, packet);
    case Message::neighbour_solicitation: return receive_solicitation(interface, packet);
    case Message::neighbour_advertisement: return receive_advertisement(interface, bytes);
    case Message::router_solicitation: break;  // for routers
  }
}

void RouterDiscovery::start(Microseconds now) {
  questions_left_ = kMostQuestions;
  deadline_ = now;
}

auto RouterDiscovery::is_done() const -> bool {
  return questions_left_ == 0 || !interface_->ipv6_configuration().prefix.is_none();
}

void RouterDiscovery::poll(Microseconds now) {
  if (is_done() || now < deadline_) return;
  --questions_left_;
  deadline_ = now + kQuestionInterval;
  const auto bytes = message_of(*interface_, kAllRouters, kSolicitationSize);
  if (bytes.empty()) return;
  put32(bytes, 4, 0);
  put_mac_option(bytes, kSolicitationSize, option::kSourceMac, interface_->mac());
  send(*interface_, Message::router_solicitation, kAllRouters, bytes);
}

auto RouterDiscovery::deadline() const -> std::optional<Microseconds> {
  if (is_done()) return std::nullopt;
  return deadline_;
}

}  // namespace guest::network
