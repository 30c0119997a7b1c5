#include "guests/network/network_testing.hpp"

#include <algorithm>
#include <utility>

#include "guests/network/checksum.hpp"
#include "guests/network/ipv4.hpp"
#include "guests/network/ipv6.hpp"

namespace guest::network::testing {
namespace {

constexpr std::size_t kIpAt = kEthernetHeaderSize;

void complete_checksum(Frame& frame, const Offload& offload) {
  const Bytes bytes{frame};
  const auto payload = packet_of(frame).payload;
  const auto value = checksum_of(payload);
  put16(bytes, std::size_t{offload.checksum_start} + offload.checksum_offset, value);
}

// A frame with `size` bytes of the TCP payload of a larger frame, from offset `at` on.
auto segment_of(const Frame& whole, std::size_t tcp_at, std::size_t at, std::size_t size) -> Frame {
  const auto payload_at = tcp_at + std::size_t{4} * (get8(whole, tcp_at + 12) >> 4);
  const bool is_last = payload_at + at + size == whole.size();
  auto packet = packet_of(whole);
  Frame frame(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(payload_at));
  const auto begin = whole.begin() + static_cast<std::ptrdiff_t>(payload_at + at);
  frame.insert(frame.end(), begin, begin + static_cast<std::ptrdiff_t>(size));
  const Bytes bytes{frame};
  packet.payload = bytes.subspan(tcp_at);
  const auto header = bytes.subspan(kIpAt);
  packet.source.is_ipv4() ? write_ipv4_header(header, packet) : write_ipv6_header(header, packet);
  put32(bytes, tcp_at + 4, get32(bytes, tcp_at + 4) + static_cast<std::uint32_t>(at));
  if (!is_last) put8(bytes, tcp_at + 13, static_cast<std::uint8_t>(get8(bytes, tcp_at + 13) & ~0x09));
  Checksum checksum;
  checksum.add_pseudo_header(packet.source, packet.destination, Protocol::tcp, packet.payload.size());
  put16(bytes, tcp_at + kTcpChecksumAt, checksum.sum());
  return frame;
}

}  // namespace

auto frame_of(const IpPacket& packet, const MacAddress& destination, const MacAddress& source) -> Frame {
  const auto header_size = ip_header_size(packet.destination);
  Frame frame(kEthernetHeaderSize + header_size + packet.payload.size());
  write_ethernet_header(frame, destination, source, ether_type_for(packet.destination));
  const auto bytes = Bytes{frame}.subspan(kEthernetHeaderSize);
  packet.destination.is_ipv4() ? write_ipv4_header(bytes, packet) : write_ipv6_header(bytes, packet);
  copy(bytes.subspan(header_size), packet.payload);
  return frame;
}

auto packet_of(ConstBytes frame) -> IpPacket {
  const auto ethernet = parse_ethernet(frame);
  const auto packet = ethernet->type == EtherType::ipv6 ? parse_ipv6(ethernet->payload) : parse_ipv4(ethernet->payload);
  return packet.value();
}

void FakeLink::send(std::size_t size, const Offload& offload) {
  Frame frame(room_.begin(), room_.begin() + static_cast<std::ptrdiff_t>(size));
  std::vector<Frame> pieces;
  if (offload.segment_size == 0) {
    pieces.push_back(std::move(frame));
  } else {
    const std::size_t tcp_at = offload.checksum_start;
    const auto payload_at = tcp_at + std::size_t{4} * (get8(frame, tcp_at + 12) >> 4);
    for (std::size_t at = 0; at < size - payload_at; at += offload.segment_size) {
      pieces.push_back(
          segment_of(frame, tcp_at, at, std::min<std::size_t>(offload.segment_size, size - payload_at - at)));
    }
  }
  for (auto& piece : pieces) {
    if (offload.checksum_offset != 0) complete_checksum(piece, offload);
    sent.push_back(std::move(piece));
  }
  std::ranges::fill(room_, std::byte{0xa5});
}

Host::Host(const MacAddress& mac, Ipv4Address address, bool is_device, std::uint16_t mtu, std::uint64_t seed)
    : link{is_device}, stack{link, mac, mtu, seed} {
  if (!address.is_none()) stack.interface().configure({.address = address, .prefix = 24, .gateway = {}, .mtu = mtu});
}

Network::Network(const Weather& the_weather, std::uint32_t seed, bool is_device, std::uint16_t mtu)
    : left{std::make_unique<Host>(MacAddress{{2, 0, 0, 0, 0, 1}}, Ipv4Address{0x0a000001}, is_device, mtu, seed)},
      right{std::make_unique<Host>(MacAddress{{2, 0, 0, 0, 0, 2}}, Ipv4Address{0x0a000002}, is_device, mtu, seed + 1)},
      weather{the_weather},
      random_{seed} {}

auto Network::happens(double probability) -> bool {
  return std::uniform_real_distribution<>{0, 1}(random_) < probability;
}

void Network::collect(Host& from, Host& to) {
  for (; !from.link.sent.empty(); from.link.sent.pop_front()) {
    auto& frame = from.link.sent.front();
    ++frames;
    if (happens(weather.loss)) continue;
    if (happens(weather.damage)) frame[random_() % frame.size()] ^= std::byte{0x10};
    const auto copies = happens(weather.duplication) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      const auto late = happens(weather.reordering) ? random_() % (5 * weather.delay) : 0;
      travels_.push_back({.arrival = now_ + weather.delay + late, .to = &to, .frame = frame});
    }
  }
}

void Network::deliver() {
  std::ranges::stable_sort(travels_, {}, &Travel::arrival);
  while (!travels_.empty() && travels_.front().arrival <= now_) {
    const auto travel = std::move(travels_.front());
    travels_.erase(travels_.begin());
    travel.to->stack.receive(travel.frame, false, now_);
  }
}

auto Network::run(Microseconds most, const std::function<bool()>& is_done) -> bool {
  const auto end = now_ + most;
  while (!is_done()) {
    if (now_ > end) return false;
    deliver();
    for (auto* const host : {left.get(), right.get()}) host->stack.poll(now_);
    collect(*left, *right);
    collect(*right, *left);
    auto next = end + 1;
    for (const auto& travel : travels_) next = std::min(next, travel.arrival);
    for (auto* const host : {left.get(), right.get()}) next = std::min(next, host->stack.deadline().value_or(next));
    now_ = std::max(now_ + 1, next);
  }
  return true;
}

}  // namespace guest::network::testing
