// How much memory what is read from a file may take.
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

// What the lists of a report may take: a file can name one long name a million times. No honest file comes near.
class Budget {
 public:
  explicit Budget(std::size_t file_size) : left_{std::clamp(kTimesTheFile * file_size, kSmallest, kLargest)} {}

  // Whether there is room for so many more bytes. Once there is not, there is for nothing.
  auto take(std::size_t size) -> bool {
    if (size > left_) {
      left_ = 0;
      ++left_out_;
      return false;
    }
    left_ -= size;
    return true;
  }

  // What make() gives, which is called only where there is room left.
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
