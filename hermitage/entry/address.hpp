// Types for addresses and offsets, so that the compiler rejects a mix of them.
#pragma once

#include <compare>
#include <cstdint>

#include "hermitage/entry/compiler.hpp"

namespace hermitage::entry {

// An address in the guest at its entry. A loader enters a Hermit kernel with identity-mapped memory, so the address
// is both guest-physical and guest-virtual.
struct GuestAddress {
  std::uint64_t value = 0;

  friend constexpr auto operator<=>(GuestAddress, GuestAddress) noexcept = default;
  // Wraps modulo 2^64, as the guest's own address arithmetic does.
  friend constexpr auto operator+(GuestAddress address, std::uint64_t offset) noexcept -> GuestAddress {
    return {address.value + offset};
  }
};

// A distance in bytes from the beginning of the image file.
struct FileOffset {
  std::uint64_t value = 0;

  friend constexpr auto operator<=>(FileOffset, FileOffset) noexcept = default;
};

// The guest addresses [start, end).
struct GuestRange {
  GuestAddress start;
  GuestAddress end;

  friend constexpr auto operator==(GuestRange, GuestRange) noexcept -> bool = default;
};

}  // namespace hermitage::entry
