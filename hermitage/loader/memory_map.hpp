// What memory a machine has, and what of it is taken: where a kernel can go.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "hermitage/loader/physical_memory.hpp"

namespace hermitage::loader {

// Disjoint, ascending ranges of addresses, up to a number of them.
class RangeList {
 public:
  static constexpr std::size_t kCapacity = 256;

  // Joins ranges that touch or overlap. Empty ranges are left out. False when there is no room for another.
  [[nodiscard]] auto add(GuestRange range) noexcept -> bool;

  [[nodiscard]] auto ranges() const noexcept -> std::span<const GuestRange> { return {ranges_.data(), size_}; }

 private:
  std::array<GuestRange, kCapacity> ranges_;
  std::size_t size_ = 0;
};

class MemoryMap {
 public:
  // False when there is no room to note it.
  [[nodiscard]] auto add_ram(GuestRange range) noexcept -> bool { return ram_.add(range); }
  [[nodiscard]] auto reserve(GuestRange range) noexcept -> bool { return reserved_.add(range); }

  [[nodiscard]] auto ram() const noexcept -> std::span<const GuestRange> { return ram_.ranges(); }
  [[nodiscard]] auto reserved() const noexcept -> std::span<const GuestRange> { return reserved_.ranges(); }
  // Where the last RAM ends; 0 without any.
  [[nodiscard]] auto ram_end() const noexcept -> GuestAddress;

  // Whether all of it is RAM, and nobody's.
  [[nodiscard]] auto is_free(GuestRange range) const noexcept -> bool;

  // The lowest place of `size` bytes within `bounds` that is free, at a multiple of `alignment`, a power of two.
  [[nodiscard]] auto find(std::uint64_t size, std::uint64_t alignment, GuestRange bounds) const noexcept
      -> std::optional<GuestRange>;
  // The highest one.
  [[nodiscard]] auto find_last(std::uint64_t size, std::uint64_t alignment, GuestRange bounds) const noexcept
      -> std::optional<GuestRange>;

 private:
  RangeList ram_;
  RangeList reserved_;
};

}  // namespace hermitage::loader
