// TCP segments and their header (RFC 9293, 3.1).
#pragma once

#include <cstdint>
#include <optional>

#include "guests/network/ip_packet.hpp"
#include "guests/network/sequence.hpp"
#include "guests/network/wire.hpp"

namespace guest::network {

inline constexpr std::size_t kTcpHeaderSize = 20;
inline constexpr std::size_t kTcpSegmentSizeOption = 4;
inline constexpr std::size_t kTcpWindowScaleOption = 3;
inline constexpr std::uint16_t kTcpChecksumAt = 16;

struct TcpFlags {
  bool fin = false;
  bool syn = false;
  bool reset = false;
  bool push = false;
  bool ack = false;
};

struct TcpSegment {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  Sequence sequence{};
  Sequence acknowledged{};  // valid with flags.ack
  TcpFlags flags{};
  std::uint16_t window = 0;
  std::uint16_t segment_size = 0;                           // the option; 0: missing
  std::optional<std::uint8_t> window_scale = std::nullopt;  // the option
  ConstBytes payload{};

  // Returns nothing for other or damaged packets. `is_checked`: the device has checked the checksum.
  [[nodiscard]] static auto parse(const IpPacket& packet, bool is_checked) -> std::optional<TcpSegment>;

  // The size of the segment in the sequence.
  [[nodiscard]] auto size() const -> std::size_t { return payload.size() + (flags.syn ? 1 : 0) + (flags.fin ? 1 : 0); }

  [[nodiscard]] auto header_size() const -> std::size_t {
    return kTcpHeaderSize + (segment_size != 0 ? kTcpSegmentSizeOption : 0) +
           (window_scale ? 1 + kTcpWindowScaleOption : 0);
  }
  // Writes the header, with a checksum of 0. Precondition: header_size() bytes.
  void write_header(Bytes bytes) const;
};

}  // namespace guest::network
