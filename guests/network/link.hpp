// What frames are sent by.
#pragma once

#include <cstddef>
#include <cstdint>

#include "guests/network/wire.hpp"

namespace guest::network {

// Times and durations are microseconds of a clock that starts anywhere and never goes back.
using Microseconds = std::uint64_t;
inline constexpr Microseconds kMillisecond = 1000;
inline constexpr Microseconds kSecond = 1'000'000;

// What the device does to a frame on its way out (virtio 1.2, 5.1.6.2).
struct Offload {
  std::uint16_t checksum_start = 0;   // it sums from here on
  std::uint16_t checksum_offset = 0;  // from there to where the sum goes; 0: no sum is to be made
  std::uint16_t segment_size = 0;     // bytes of TCP payload a frame may have; 0: the frame stays in one
};

class Link {
 public:
  Link(const Link&) = delete;
  auto operator=(const Link&) -> Link& = delete;

  // Where the next frame is to be written; empty when there is no room now. Asking twice gives the same room.
  [[nodiscard]] virtual auto room() -> Bytes = 0;

  // Sends the first `size` bytes of the room.
  virtual void send(std::size_t size, const Offload& offload) = 0;

  [[nodiscard]] virtual auto completes_checksums() const -> bool = 0;
  // Whether it makes segments of a TCP payload that is larger than one.
  [[nodiscard]] virtual auto makes_segments() const -> bool = 0;

 protected:
  constexpr Link() = default;
  ~Link() = default;
};

}  // namespace guest::network
