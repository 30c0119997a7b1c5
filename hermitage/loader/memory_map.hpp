// The memory of a machine and its reserved ranges, for placing a kernel.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "hermitage/loader/physical_memory.hpp"

namespace hermitage::loader {

// A list of disjoint ranges in ascending order, with a limited size.
class RangeList {
 public:
  static constexpr std::size_t kCapacity = 256;

  // Joins ranges that touch or overlap. Ignores empty ranges. Returns false if the list is full.
  [[nodiscard]] auto add(GuestRange range) noexcept -> bool;

  [[nodiscard]] auto ranges() const noexcept -> std::span<const GuestRange> { return {ranges_.data(), size_}; }

 private:
  std::array<GuestRange, kCapacity> ranges_;
  std::size_t size_ = 0;
};

class MemoryMap {
 public:
  // Returns false if the list is full.
  [[nodiscard]] auto add_ram(GuestRange range) noexcept -> bool { return ram_.add(range); }
  [[nodiscard]] auto reserve(GuestRange range) noexcept -> bool { return reserved_.add(range); }

  [[nodiscard]] auto ram() const noexcept -> std::span<const GuestRange> { return ram_.ranges(); }
  [[nodiscard]] auto reserved() const noexcept -> std::span<const GuestRange> { return reserved_.ranges(); }
  // The end of the last RAM; 0 without RAM.
  [[nodiscard]] auto ram_end() const noexcept -> GuestAddress;

  // Whether the whole range is RAM and not reserved.
  [[nodiscard]] auto is_free(GuestRange range) const noexcept -> bool;

  // The lowest free range of `size` bytes within `bounds`, at a multiple of `alignment`, a power of two.
  [[nodiscard]] auto find(std::uint64_t size, std::uint64_t alignment, GuestRange bounds) const noexcept
      -> std::optional<GuestRange>;
  // The highest such range.
  [[nodiscard]] auto find_last(std::uint64_t size, std::uint64_t alignment, GuestRange bounds) const noexcept
      -> std::optional<GuestRange>;

 private:
  RangeList ram_;
  RangeList reserved_;
};

}  // namespace hermitage::loader
