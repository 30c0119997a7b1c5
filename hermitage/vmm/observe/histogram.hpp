// The distribution of durations, in a fixed size.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace hermitage::vmm::observe {

// Durations below 16 ns are exact. From there, each power of two has eight classes, up to 2^40 ns (18 minutes); longer
// durations are in the last class. One thread at a time can use an object.
class Histogram {
 public:
  static constexpr std::size_t kClasses = 304;

  // A duration below 0 counts as 0.
  void add(std::chrono::nanoseconds duration) noexcept;
  void add(const Histogram& other) noexcept;

  [[nodiscard]] auto count() const noexcept -> std::uint64_t { return count_; }
  [[nodiscard]] auto total() const noexcept -> std::chrono::nanoseconds { return total_; }

  // The duration that this share of all durations does not exceed: `share` is from 0 to 1, and 0.5 is the median. It is
  // the middle of a class, at most 6.25 % from a duration that was added, and not above the longest. 0 if there is
  // none.
  [[nodiscard]] auto quantile(double share) const noexcept -> std::chrono::nanoseconds;

 private:
  std::array<std::uint64_t, kClasses> counts_{};
  std::uint64_t count_ = 0;
  std::chrono::nanoseconds total_{};
  std::chrono::nanoseconds longest_{};
};

}  // namespace hermitage::vmm::observe
