// A limit for the memory that data from a file take.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace hermitage::inspect {

struct Name {
  std::string text;
  bool is_truncated = false;
};

// The memory for the lists of a report. The limit is necessary: a file can use one long name a million times. Real
// files are far below it.
class Budget {
 public:
  explicit Budget(std::size_t file_size) : left_{std::clamp(kTimesTheFile * file_size, kSmallest, kLargest)} {}

  // Takes this many bytes from the budget. Returns false if they exceed it, and for all later calls.
  auto take(std::size_t size) -> bool {
    if (size > left_) {
      left_ = 0;
      ++left_out_;
      return false;
    }
    left_ -= size;
    return true;
  }

  // Returns the result of make(). Calls it only if the budget is not exhausted.
  template <class Make>
  auto take_name(Make make, bool& is_truncated) -> std::string {
    if (!take(1)) return {};
    Name name = make();
    if (!take(name.text.size())) return {};
    is_truncated = is_truncated || name.is_truncated;
    return std::move(name.text);
  }

  [[nodiscard]] auto left_out() const -> std::uint64_t { return left_out_; }

 private:
  static constexpr std::size_t kSmallest = 1 << 20;
  static constexpr std::size_t kLargest = 128 << 20;
  static constexpr std::size_t kTimesTheFile = 32;

  std::size_t left_;
  std::uint64_t left_out_ = 0;
};

}  // namespace hermitage::inspect
