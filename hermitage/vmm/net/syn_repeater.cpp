#include "hermitage/vmm/net/syn_repeater.hpp"

#include <algorithm>

#include "hermitage/entry/bytes.hpp"

namespace hermitage::vmm::net {
namespace {

constexpr std::size_t kEthernetHeaderSize = 14;
constexpr std::uint16_t kTypeIpv4 = 0x0800;
constexpr std::uint16_t kTypeIpv6 = 0x86dd;
constexpr std::size_t kIpv4HeaderSize = 20;
constexpr std::size_t kIpv6HeaderSize = 40;
constexpr std::byte kTcp{6};

auto get16(std::span<const std::byte> bytes, std::size_t at) -> std::uint16_t {
  return entry::read<std::uint16_t, entry::Endian::big>(bytes, at);
}

}  // namespace

auto SynRepeater::Connection::reversed() const -> Connection {
  return {
      .source = destination, .destination = source, .source_port = destination_port, .destination_port = source_port};
}

auto SynRepeater::parse_ports(std::span<const std::byte> segment, Segment& result) -> bool {
  constexpr std::size_t kFlagsAt = 13;
  constexpr std::byte kSyn{0x02};
  constexpr std::byte kAck{0x10};
  if (segment.size() <= kFlagsAt) return false;
  result.connection.source_port = get16(segment, 0);
  result.connection.destination_port = get16(segment, 2);
  result.begins = (segment[kFlagsAt] & (kSyn | kAck)) == kSyn;
  return true;
}

// Returns nothing for frames without a TCP header: also for fragments, and IPv6 packets with extension headers.
auto SynRepeater::parse(std::span<const std::byte> frame) -> std::optional<Segment> {
  if (frame.size() < kEthernetHeaderSize + kIpv4HeaderSize) return std::nullopt;
  const auto type = get16(frame, kEthernetHeaderSize - 2);
  const auto packet = frame.subspan(kEthernetHeaderSize);
  Segment segment;
  auto& [source, destination, source_port, destination_port] = segment.connection;
  if (type == kTypeIpv4) {
    constexpr std::uint16_t kFragmentOffset = 0x1fff;
    const auto header_size = 4 * std::to_integer<std::size_t>(packet[0] & std::byte{0xf});
    if (packet[9] != kTcp || (get16(packet, 6) & kFragmentOffset) != 0) return std::nullopt;
    if (header_size < kIpv4HeaderSize || header_size > packet.size()) return std::nullopt;
    std::ranges::copy(packet.subspan(12, 4), source.begin());
    std::ranges::copy(packet.subspan(16, 4), destination.begin());
    return parse_ports(packet.subspan(header_size), segment) ? std::optional{segment} : std::nullopt;
  }
  if (type != kTypeIpv6 || packet.size() < kIpv6HeaderSize || packet[6] != kTcp) return std::nullopt;
  std::ranges::copy(packet.subspan(8, 16), source.begin());
  std::ranges::copy(packet.subspan(24, 16), destination.begin());
  return parse_ports(packet.subspan(kIpv6HeaderSize), segment) ? std::optional{segment} : std::nullopt;
}

void SynRepeater::on_delivered(std::span<const std::byte> frame) {
  if (frame.size() > kMaxFrame) return;
  const auto segment = parse(frame);
  if (!segment) return;
  // Also a reset: the client no longer waits.
  forget(segment->connection);
  if (!segment->begins || waiting_.size() == kCapacity) return;
  const auto now = Clock::now();
  auto& waiting = waiting_.emplace_back(Waiting{.connection = segment->connection,
                                                .frame = {},
                                                .size = frame.size(),
                                                .due = now + kFirstInterval,
                                                .end = now + kPatience,
                                                .interval = kFirstInterval});
  std::ranges::copy(frame, waiting.frame.begin());
}

void SynRepeater::on_sent(std::span<const std::byte> frame) {
  if (waiting_.empty()) return;
  if (const auto segment = parse(frame)) forget(segment->connection.reversed());
}

void SynRepeater::forget(const Connection& connection) {
  std::erase_if(waiting_, [&](const Waiting& waiting) { return waiting.connection == connection; });
}

auto SynRepeater::deadline() const -> std::optional<Clock::time_point> {
  if (waiting_.empty()) return std::nullopt;
  return std::ranges::min(waiting_, {}, &Waiting::due).due;
}

auto SynRepeater::take_due(Clock::time_point now) -> std::span<const std::byte> {
  std::erase_if(waiting_, [now](const Waiting& waiting) { return now >= waiting.end; });
  const auto due = std::ranges::find_if(waiting_, [now](const Waiting& waiting) { return now >= waiting.due; });
  if (due == waiting_.end()) return {};
  due->interval = std::min(2 * due->interval, kLongestInterval);
  due->due = now + due->interval;
  return std::span{due->frame}.first(due->size);
}

}  // namespace hermitage::vmm::net
