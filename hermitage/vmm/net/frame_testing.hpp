// Frames for tests of the backends.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include <poll.h>
#include <sys/uio.h>

#include "hermitage/vmm/net/backend.hpp"

namespace hermitage::vmm::net {

using Bytes = std::vector<std::byte>;

// The type of the test frames (IEEE 802, local experimental).
inline constexpr std::array kEtherType{std::byte{0x88}, std::byte{0xb5}};
inline constexpr std::size_t kEthernetSize = 14;
inline constexpr std::size_t kMinFrame = 60;

// An Ethernet frame to the broadcast address, with `seed` in each of its other bytes.
inline auto ethernet_frame(std::size_t size, unsigned seed) -> Bytes {
  Bytes frame(std::max(size, kEthernetSize), static_cast<std::byte>(seed));
  std::fill_n(frame.begin(), 6, std::byte{0xff});
  frame[6] = std::byte{0x02};
  std::ranges::copy(kEtherType, frame.begin() + 12);
  return frame;
}

// A TCP segment with these flags. A guest's acknowledges the host's first one. The host is 10.0.0.1 or 2001:db8::1,
// port 5000, and the guest 10.0.0.2 or 2001:db8::2, port 80.
struct SegmentFrame {
  static constexpr unsigned kSyn = 0x02;
  static constexpr unsigned kReset = 0x04;
  static constexpr unsigned kAck = 0x10;

  unsigned flags = kSyn;
  bool is_ipv6 = false;
  bool is_from_guest = false;
  unsigned host_port = 5000;
  unsigned sequence = 1000;      // of the host; the guest's is 9000
  std::size_t payload_size = 0;  // bytes
  unsigned options_size = 0;     // of IPv4, in bytes, a multiple of 4

  [[nodiscard]] auto bytes() const -> Bytes;
};

inline auto SegmentFrame::bytes() const -> Bytes {
  const auto set16 = [](Bytes& bytes, std::size_t at, unsigned value) {
    bytes[at] = static_cast<std::byte>(value >> 8);
    bytes[at + 1] = static_cast<std::byte>(value);
  };
  const auto header_size = is_ipv6 ? 40U : 20U + options_size;
  Bytes frame(kEthernetSize + header_size + 20 + payload_size);
  const unsigned source = is_from_guest ? 2 : 1;
  const auto packet = kEthernetSize;
  if (is_ipv6) {
    set16(frame, 12, 0x86dd);
    frame[packet] = std::byte{0x60};
    set16(frame, packet + 4, static_cast<unsigned>(20 + payload_size));
    frame[packet + 6] = std::byte{6};
    for (const std::size_t at : {packet + 8, packet + 24}) {
      set16(frame, at, 0x2001);
      set16(frame, at + 2, 0x0db8);
    }
    frame[packet + 23] = static_cast<std::byte>(source);
    frame[packet + 39] = static_cast<std::byte>(3 - source);
  } else {
    set16(frame, 12, 0x0800);
    frame[packet] = static_cast<std::byte>(0x40 | header_size / 4);
    set16(frame, packet + 2, static_cast<unsigned>(header_size + 20 + payload_size));
    frame[packet + 9] = std::byte{6};
    frame[packet + 12] = frame[packet + 16] = std::byte{10};
    frame[packet + 15] = static_cast<std::byte>(source);
    frame[packet + 19] = static_cast<std::byte>(3 - source);
  }
  const auto segment = packet + header_size;
  set16(frame, segment, is_from_guest ? 80 : host_port);
  set16(frame, segment + 2, is_from_guest ? host_port : 80);
  set16(frame, segment + 6, is_from_guest ? 9000 : sequence);
  if (is_from_guest) set16(frame, segment + 10, sequence + 1);
  frame[segment + 12] = std::byte{0x50};
  frame[segment + 13] = static_cast<std::byte>(flags);
  return frame;
}

inline auto is_ours(std::span<const std::byte> frame) -> bool {
  return frame.size() >= kEthernetSize && std::ranges::equal(frame.subspan(12, 2), kEtherType);
}

inline auto with_header(const Bytes& ethernet) -> Bytes {
  Bytes frame(kHeaderSize + ethernet.size());
  std::ranges::copy(ethernet, frame.begin() + kHeaderSize);
  return frame;
}

inline auto wait_for(int descriptor, short events, int milliseconds = 5000) -> bool {
  pollfd event{.fd = descriptor, .events = events, .revents = 0};
  return ::poll(&event, 1, milliseconds) == 1 && (event.revents & events) != 0;
}

// Sends a frame in `count` pieces of about the same size.
inline auto send_in_pieces(Backend& backend, Bytes frame, std::size_t count) -> std::expected<bool, Closed> {
  std::vector<iovec> pieces;
  const auto each = (frame.size() + count - 1) / count;
  for (std::size_t at = 0; at < frame.size(); at += each) {
    pieces.push_back({.iov_base = frame.data() + at, .iov_len = std::min(each, frame.size() - at)});
  }
  return backend.send(pieces);
}

inline auto send_frame(Backend& backend, const Bytes& ethernet) -> std::expected<bool, Closed> {
  return send_in_pieces(backend, with_header(ethernet), 1);
}

// The next frame within 5 s, without its header; none: no frame has arrived, or the backend is closed.
inline auto receive_frame(Backend& backend) -> std::optional<Bytes> {
  static constexpr std::uint16_t kOneBuffer = 1;
  Bytes buffer(kMaxFrame, std::byte{0xee});
  while (true) {
    const auto size = backend.receive(buffer);
    if (!size) return std::nullopt;
    if (*size > 0) {
      if (std::memcmp(buffer.data() + 10, &kOneBuffer, sizeof kOneBuffer) != 0) return std::nullopt;
      return Bytes(buffer.begin() + kHeaderSize, buffer.begin() + static_cast<std::ptrdiff_t>(*size));
    }
    if (!wait_for(backend.descriptor(), POLLIN)) return std::nullopt;
  }
}

inline auto reason_of_receive(Backend& backend) -> std::string {
  Bytes buffer(kMaxFrame);
  while (true) {
    const auto size = backend.receive(buffer);
    if (!size) return size.error().reason;
    if (*size == 0 && !wait_for(backend.descriptor(), POLLIN)) return "nothing comes";
  }
}

}  // namespace hermitage::vmm::net
