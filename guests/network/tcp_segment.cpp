#include "guests/network/tcp_segment.hpp"

#include "guests/network/checksum.hpp"

namespace guest::network {
namespace {

constexpr std::uint8_t kFin = 1 << 0;
constexpr std::uint8_t kSyn = 1 << 1;
constexpr std::uint8_t kReset = 1 << 2;
constexpr std::uint8_t kPush = 1 << 3;
constexpr std::uint8_t kAck = 1 << 4;

constexpr std::uint8_t kEndOfOptions = 0;
constexpr std::uint8_t kNoOperation = 1;
constexpr std::uint8_t kSegmentSize = 2;
constexpr std::uint8_t kWindowScale = 3;

// The content of the option of this kind and size, without these two bytes. Nothing if it is missing.
auto find_option(ConstBytes options, std::uint8_t kind, std::size_t wanted_size) -> std::optional<ConstBytes> {
  std::size_t at = 0;
  while (at < options.size() && get8(options, at) != kEndOfOptions) {
    if (get8(options, at) == kNoOperation) {
      ++at;
      continue;
    }
    if (options.size() - at < 2) break;
    const std::size_t size = get8(options, at + 1);
    if (size < 2 || size > options.size() - at) break;
    if (get8(options, at) == kind && size == wanted_size) return options.subspan(at + 2, size - 2);
    at += size;
  }
  return std::nullopt;
}

auto find_segment_size(ConstBytes options) -> std::uint16_t {
  const auto option = find_option(options, kSegmentSize, kTcpSegmentSizeOption);
  return option ? get16(*option, 0) : std::uint16_t{0};
}

auto find_window_scale(ConstBytes options) -> std::optional<std::uint8_t> {
  const auto option = find_option(options, kWindowScale, kTcpWindowScaleOption);
  if (!option) return std::nullopt;
  return get8(*option, 0);
}

auto bits_of(TcpFlags flags) -> std::uint8_t {
  return static_cast<std::uint8_t>((flags.fin ? kFin : 0) | (flags.syn ? kSyn : 0) | (flags.reset ? kReset : 0) |
                                   (flags.push ? kPush : 0) | (flags.ack ? kAck : 0));
}

}  // namespace

auto TcpSegment::parse(const IpPacket& packet, bool is_checked) -> std::optional<TcpSegment> {
  const auto bytes = packet.payload;
  if (bytes.size() < kTcpHeaderSize) return std::nullopt;
  const std::size_t header_size = std::size_t{4} * (get8(bytes, 12) >> 4);
  if (header_size < kTcpHeaderSize || header_size > bytes.size()) return std::nullopt;
  if (!is_checked) {
    Checksum checksum;
    checksum.add_pseudo_header(packet.source, packet.destination, Protocol::tcp, bytes.size());
    checksum.add(bytes);
    if (checksum.value() != 0) return std::nullopt;
  }
  const auto bits = get8(bytes, 13);
  const auto options = bytes.subspan(kTcpHeaderSize, header_size - kTcpHeaderSize);
  return TcpSegment{.source_port = get16(bytes, 0),
                    .destination_port = get16(bytes, 2),
                    .sequence = {get32(bytes, 4)},
                    .acknowledged = {get32(bytes, 8)},
                    .flags = {.fin = (bits & kFin) != 0,
                              .syn = (bits & kSyn) != 0,
                              .reset = (bits & kReset) != 0,
                              .push = (bits & kPush) != 0,
                              .ack = (bits & kAck) != 0},
                    .window = get16(bytes, 14),
                    .segment_size = find_segment_size(options),
                    .window_scale = find_window_scale(options),
                    .payload = bytes.subspan(header_size)};
}

void TcpSegment::write_header(Bytes bytes) const {
  put16(bytes, 0, source_port);
  put16(bytes, 2, destination_port);
  put32(bytes, 4, sequence.value);
  put32(bytes, 8, acknowledged.value);
  put8(bytes, 12, static_cast<std::uint8_t>(header_size() / 4 << 4));
  put8(bytes, 13, bits_of(flags));
  put16(bytes, 14, window);
  put16(bytes, kTcpChecksumAt, 0);
  put16(bytes, 18, 0);  // no urgent data
  std::size_t at = kTcpHeaderSize;
  if (segment_size != 0) {
    put8(bytes, at, kSegmentSize);
    put8(bytes, at + 1, kTcpSegmentSizeOption);
    put16(bytes, at + 2, segment_size);
    at += kTcpSegmentSizeOption;
  }
  if (!window_scale) return;
  put8(bytes, at, kNoOperation);  // headers consist of 32-bit words
  put8(bytes, at + 1, kWindowScale);
  put8(bytes, at + 2, kTcpWindowScaleOption);
  put8(bytes, at + 3, *window_scale);
}

}  // namespace guest::network
