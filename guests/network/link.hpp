// The interface to send frames.
#pragma once

#include <cstddef>
#include <cstdint>

#include "guests/network/ethernet.hpp"
#include "guests/network/wire.hpp"

namespace guest::network {

// Times and durations in microseconds. The clock starts at any value and never goes back.
using Microseconds = std::uint64_t;
inline constexpr Microseconds kMillisecond = 1000;
inline constexpr Microseconds kSecond = 1'000'000;

// The work of the device for a sent frame (virtio 1.2, 5.1.6.2).
struct Offload {
  std::uint16_t checksum_start = 0;   // begin of the bytes to sum
  std::uint16_t checksum_offset = 0;  // of the checksum, from checksum_start; 0: no checksum
  std::uint16_t segment_size = 0;     // largest TCP payload of a frame in bytes; 0: do not split
};

class Link {
 public:
  Link(const Link&) = delete;
  auto operator=(const Link&) -> Link& = delete;

  // The memory for the next frame, or empty if the link is full. Repeated calls return the same memory.
  [[nodiscard]] virtual auto room() -> Bytes = 0;

  // Sends the first `size` bytes of room().
  virtual void send(std::size_t size, const Offload& offload) = 0;

  [[nodiscard]] virtual auto completes_checksums() const -> bool = 0;
  // Whether the link splits a TCP payload that is larger than a segment, in packets of this type.
  [[nodiscard]] virtual auto makes_segments(EtherType type) const -> bool = 0;

 protected:
  constexpr Link() = default;
  ~Link() = default;
};

}  // namespace guest::network
