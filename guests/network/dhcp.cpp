#include "guests/network/dhcp.hpp"

#include <array>

namespace guest::network {
namespace {

// Message types (RFC 2132, 9.6).
constexpr std::uint8_t kDiscover = 1;
constexpr std::uint8_t kOffer = 2;
constexpr std::uint8_t kRequest = 3;
constexpr std::uint8_t kAck = 5;
constexpr std::uint8_t kNak = 6;

namespace option {
constexpr std::uint8_t kPad = 0;
constexpr std::uint8_t kSubnetMask = 1;
constexpr std::uint8_t kRouter = 3;
constexpr std::uint8_t kMtu = 26;
constexpr std::uint8_t kRequestedAddress = 50;
constexpr std::uint8_t kLeaseTime = 51;
constexpr std::uint8_t kMessageType = 53;
constexpr std::uint8_t kServer = 54;
constexpr std::uint8_t kWanted = 55;
constexpr std::uint8_t kEnd = 255;
}  // namespace option

// A message: fixed fields, a magic number, options.
constexpr std::size_t kOptionsAt = 240;
constexpr std::size_t kMagicAt = 236;
constexpr std::uint32_t kMagic = 0x63825363;
constexpr std::size_t kLeastSize = 300;  // some servers drop smaller ones
constexpr std::uint8_t kBootRequest = 1;
constexpr std::uint8_t kBootReply = 2;
constexpr std::uint16_t kAnswerByBroadcast = 0x8000;

constexpr unsigned kMostAttempts = 4;      // of a request before the client starts again
constexpr std::uint16_t kLeastMtu = 576;   // RFC 791: every host accepts such packets
constexpr std::uint32_t kLeastLease = 60;  // seconds
constexpr std::uint32_t kEndless = 0xffffffff;

class OptionWriter {
 public:
  explicit OptionWriter(Bytes bytes) : bytes_{bytes} {}

  void add(std::uint8_t code, ConstBytes value) {
    put8(bytes_, at_, code);
    put8(bytes_, at_ + 1, static_cast<std::uint8_t>(value.size()));
    copy(bytes_.subspan(at_ + 2), value);
    at_ += 2 + value.size();
  }
  void add8(std::uint8_t code, std::uint8_t value) { add(code, std::as_bytes(std::span{&value, 1})); }
  void add_address(std::uint8_t code, Ipv4Address address) {
    std::array<std::byte, 4> value;
    put32(value, 0, address.value);
    add(code, value);
  }
  void end() { put8(bytes_, at_, option::kEnd); }

 private:
  Bytes bytes_;
  std::size_t at_ = 0;
};

// The number of leading ones in a mask.
auto prefix_of(std::uint32_t mask) -> unsigned {
  unsigned prefix = 0;
  while (prefix < 32 && (mask << prefix & 0x8000'0000) != 0) ++prefix;
  return prefix;
}

}  // namespace

// A message from a server.
struct DhcpClient::Message {
  std::uint8_t type = 0;
  Ipv4Address address;
  Ipv4Address server;
  Ipv4Address router;
  unsigned prefix = 24;
  std::uint16_t mtu = 0;                // 0: not in the message
  std::uint32_t lease_time = kEndless;  // seconds

  [[nodiscard]] static auto parse(ConstBytes bytes, std::uint32_t transaction, const MacAddress& mac)
      -> std::optional<Message> {
    if (bytes.size() < kOptionsAt || get8(bytes, 0) != kBootReply || get32(bytes, 4) != transaction)
      return std::nullopt;
    if (get_mac(bytes, 28) != mac || get32(bytes, kMagicAt) != kMagic) return std::nullopt;
    Message message;
    message.address = {get32(bytes, 16)};
    message.read_options(bytes.subspan(kOptionsAt));
    return message;
  }

 private:
  void read_options(ConstBytes bytes) {
    std::size_t at = 0;
    while (at < bytes.size() && get8(bytes, at) != option::kEnd) {
      const auto code = get8(bytes, at++);
      if (code == option::kPad) continue;
      if (at == bytes.size()) return;
      const std::size_t size = get8(bytes, at++);
      if (size > bytes.size() - at) return;
      read_option(code, bytes.subspan(at, size));
      at += size;
    }
  }

  void read_option(std::uint8_t code, ConstBytes value) {
    if (code == option::kMessageType && value.size() == 1) type = get8(value, 0);
    if (code == option::kMtu && value.size() == 2) mtu = get16(value, 0);
    if (value.size() < 4) return;
    const auto number = get32(value, 0);
    if (code == option::kSubnetMask) prefix = prefix_of(number);
    if (code == option::kRouter) router = {number};
    if (code == option::kServer) server = {number};
    if (code == option::kLeaseTime) lease_time = number;
  }
};

void DhcpClient::start(Microseconds now) {
  attempts_ = 0;
  discover(now);
}

void DhcpClient::discover(Microseconds now) {
  state_ = State::selecting;
  ++transaction_;
  send(kDiscover);
  wait_for_answer(now);
}

void DhcpClient::request(Microseconds now) {
  send(kRequest);
  wait_for_answer(now);
}

void DhcpClient::wait_for_answer(Microseconds now) {
  const unsigned doublings = attempts_ < 4 ? attempts_ : 4;
  ++attempts_;
  deadline_ = now + (kSecond / 2 << doublings);
}

void DhcpClient::send(std::uint8_t type) {
  std::array<std::byte, kLeastSize> message{};
  put8(message, 0, kBootRequest);
  put8(message, 1, 1);  // Ethernet
  put8(message, 2, MacAddress::kSize);
  put32(message, 4, transaction_);
  put16(message, 10, kAnswerByBroadcast);
  put32(message, 12, interface_->address().value);
  put_mac(message, 28, interface_->mac());
  put32(message, kMagicAt, kMagic);
  OptionWriter options{Bytes{message}.subspan(kOptionsAt)};
  options.add8(option::kMessageType, type);
  if (state_ == State::requesting) {
    options.add_address(option::kRequestedAddress, offered_);
    options.add_address(option::kServer, server_);
  }
  constexpr std::array<std::uint8_t, 4> kWanted{option::kSubnetMask, option::kRouter, option::kMtu, option::kLeaseTime};
  options.add(option::kWanted, std::as_bytes(std::span{kWanted}));
  options.end();
  send_udp(*interface_, kDhcpClientPort, kIpv4Broadcast, kDhcpServerPort, message);
}

void DhcpClient::receive(const UdpDatagram& datagram, Microseconds now) {
  if (datagram.source_port != kDhcpServerPort) return;
  const auto message = Message::parse(datagram.payload, transaction_, interface_->mac());
  if (!message) return;
  if (state_ == State::selecting && message->type == kOffer && message->address.is_host()) {
    offered_ = message->address;
    server_ = message->server;
    state_ = State::requesting;
    attempts_ = 0;
    request(now);
  } else if (state_ == State::requesting || state_ == State::renewing) {
    if (message->type == kAck && message->address.is_host()) bind(*message, now);
    if (message->type == kNak) {
      interface_->configure({.mtu = interface_->configuration().mtu});
      start(now);
    }
  }
}

void DhcpClient::bind(const Message& message, Microseconds now) {
  auto mtu = interface_->configuration().mtu;
  if (message.mtu >= kLeastMtu && message.mtu < mtu) mtu = message.mtu;
  interface_->configure({.address = message.address, .prefix = message.prefix, .gateway = message.router, .mtu = mtu});
  state_ = State::bound;
  attempts_ = 0;
  const auto lease_time = message.lease_time < kLeastLease ? kLeastLease : message.lease_time;
  deadline_ = now + lease_time * (kSecond / 2);
  lease_end_ = now + lease_time * kSecond;
}

void DhcpClient::poll(Microseconds now) {
  if (state_ == State::off || now < deadline_) return;
  switch (state_) {
    case State::off: break;
    case State::selecting: discover(now); break;
    case State::requesting: attempts_ < kMostAttempts ? request(now) : start(now); break;
    case State::bound: state_ = State::renewing; [[fallthrough]];
    case State::renewing:
      if (now < lease_end_) return request(now);
      interface_->configure({.mtu = interface_->configuration().mtu});
      start(now);
      break;
  }
}

auto DhcpClient::deadline() const -> std::optional<Microseconds> {
  if (state_ == State::off) return std::nullopt;
  return deadline_;
}

}  // namespace guest::network
