// A position in a TCP stream: a 32-bit number that wraps around (RFC 9293, 3.4).
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace guest::network {

struct Sequence {
  std::uint32_t value = 0;

  friend constexpr auto operator==(Sequence, Sequence) -> bool = default;
  friend constexpr auto operator+(Sequence a, std::size_t bytes) -> Sequence {
    return {a.value + static_cast<std::uint32_t>(bytes)};
  }
  // The distance from `b` to `a`; negative if `a` is before `b`. They must be within 2 GiB of each other.
  friend constexpr auto operator-(Sequence a, Sequence b) -> std::int32_t {
    return static_cast<std::int32_t>(a.value - b.value);
  }
  friend constexpr auto operator<=>(Sequence a, Sequence b) -> std::strong_ordering { return (a - b) <=> 0; }
};

}  // namespace guest::network
