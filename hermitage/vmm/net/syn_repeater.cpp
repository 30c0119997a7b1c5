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

auto get32(std::span<const std::byte> bytes, std::size_t at) -> std::uint32_t {
  return entry::read<std::uint32_t, entry::Endian::big>(bytes, at);
}

}  // namespace

auto SynRepeater::Connection::reversed() const -> Connection {
  return {
      .source = destination, .destination = source, .source_port = destination_port, .destination_port = source_port};
}

// `size` is that of the segment, of which `bytes` may be a part.
auto SynRepeater::parse_tcp(std::span<const std::byte> bytes, std::size_t size, Segment& result) -> bool {
  constexpr std::size_t kHeaderSize = 20;
  constexpr std::byte kSyn{0x02};
  constexpr std::byte kReset{0x04};
  constexpr std::byte kPush{0x08};
  constexpr std::byte kAck{0x10};
  if (bytes.size() < kHeaderSize) return false;
  const auto header_size = 4 * std::to_integer<std::size_t>(bytes[12] >> 4);
  const auto flags = bytes[13] & std::byte{0x3f};
  result.connection.source_port = get16(bytes, 0);
  result.connection.destination_port = get16(bytes, 2);
  result.sequence = get32(bytes, 4);
  result.acknowledged = get32(bytes, 8);
  result.begins = (flags & (kSyn | kAck)) == kSyn;
  result.resets = (flags & kReset) == kReset;
  result.only_confirms = (flags & ~(kSyn | kPush)) == kAck && size <= header_size;
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
    const std::size_t size = get16(packet, 2);
    if (packet[9] != kTcp || (get16(packet, 6) & kFragmentOffset) != 0) return std::nullopt;
    if (header_size < kIpv4HeaderSize || header_size > packet.size() || header_size > size) return std::nullopt;
    std::ranges::copy(packet.subspan(12, 4), source.begin());
    std::ranges::copy(packet.subspan(16, 4), destination.begin());
    if (!parse_tcp(packet.subspan(header_size), size - header_size, segment)) return std::nullopt;
    return segment;
  }
  if (type != kTypeIpv6 || packet.size() < kIpv6HeaderSize || packet[6] != kTcp) return std::nullopt;
  segment.is_ipv6 = true;
  std::ranges::copy(packet.subspan(8, 16), source.begin());
  std::ranges::copy(packet.subspan(24, 16), destination.begin());
  if (!parse_tcp(packet.subspan(kIpv6HeaderSize), get16(packet, 4), segment)) return std::nullopt;
  return segment;
}

auto SynRepeater::find(const Connection& connection) -> std::vector<Waiting>::iterator {
  return std::ranges::find(waiting_, connection, &Waiting::connection);
}

void SynRepeater::on_delivered(std::span<const std::byte> frame) {
  if (frame.size() > kMaxFrame) return;
  const auto segment = parse(frame);
  if (!segment) return;
  const auto known = find(segment->connection);
  // After a reset, the client no longer waits.
  if (known != waiting_.end() && (segment->resets || segment->begins)) waiting_.erase(known);
  const bool is_ready = segment->is_ipv6 ? is_ready_ipv6_ : is_ready_;
  if (!segment->begins || segment->resets || is_ready || waiting_.size() == kCapacity) return;
  const auto now = Clock::now();
  auto& waiting = waiting_.emplace_back(Waiting{.connection = segment->connection,
                                                .frame = {},
                                                .size = frame.size(),
                                                .sequence = segment->sequence,
                                                .unanswered = 1,
                                                .is_answered = false,
                                                .due = now + kFirstInterval,
                                                .end = now + kPatience,
                                                .interval = kFirstInterval});
  std::ranges::copy(frame, waiting.frame.begin());
}

auto SynRepeater::is_answer(const Segment& segment, const Waiting& waiting) -> bool {
  return segment.only_confirms && segment.acknowledged == waiting.sequence + 1;
}

void SynRepeater::on_sent(std::span<const std::byte> frame) {
  if (waiting_.empty()) return;
  const auto segment = parse(frame);
  if (!segment) return;
  (segment->is_ipv6 ? is_ready_ipv6_ : is_ready_) = true;
  const auto waiting = find(segment->connection.reversed());
  if (waiting == waiting_.end()) return;
  if (waiting->is_answered && !is_answer(*segment, *waiting)) return;
  waiting->is_answered = true;
  if (--waiting->unanswered == 0) waiting_.erase(waiting);
}

auto SynRepeater::repeats_answer(std::span<const std::byte> frame) -> bool {
  if (waiting_.empty()) return false;
  const auto segment = parse(frame);
  if (!segment) return false;
  const auto waiting = find(segment->connection.reversed());
  return waiting != waiting_.end() && waiting->is_answered && is_answer(*segment, *waiting);
}

auto SynRepeater::deadline() const -> std::optional<Clock::time_point> {
  std::optional<Clock::time_point> first;
  for (const auto& waiting : waiting_) {
    const auto next = waiting.is_answered ? waiting.end : waiting.due;
    if (!first || next < *first) first = next;
  }
  return first;
}

auto SynRepeater::take_due(Clock::time_point now) -> std::span<const std::byte> {
  std::erase_if(waiting_, [now](const Waiting& waiting) { return now >= waiting.end; });
  const auto due = std::ranges::find_if(
      waiting_, [now](const Waiting& waiting) { return !waiting.is_answered && now >= waiting.due; });
  if (due == waiting_.end()) return {};
  due->interval = std::min(2 * due->interval, kLongestInterval);
  due->due = now + due->interval;
  ++due->unanswered;
  return std::span{due->frame}.first(due->size);
}

}  // namespace hermitage::vmm::net
