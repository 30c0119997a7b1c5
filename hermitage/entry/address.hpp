// Addresses and offsets that must not be taken for one another.
#pragma once

#include <compare>
#include <cstdint>

namespace hermitage::entry {

// An address as the guest sees it when it is entered. Hermit kernels are entered with their memory
// identity-mapped, so this is the physical and the virtual address.
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
