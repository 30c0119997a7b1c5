// Tells from a guest's output what it lacked when it failed.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace hermitage::launch {

// Whether an error is among the last of a guest's output, which comes in pieces.
class OutputHint {
 public:
  explicit OutputHint(std::string_view error) : error_{error} {}

  void take(std::string_view output);
  [[nodiscard]] auto is_due() const -> bool { return has_seen_error_ && size_since_error_ <= kEndSize; }

 private:
  static constexpr std::size_t kEndSize = 4096;  // bytes of output in which the error is at its end

  std::string_view error_;
  std::string tail_;  // an error may be cut in two
  bool has_seen_error_ = false;
  std::size_t size_since_error_ = 0;
};

// Applications print the error of the call that failed, in no place of their own and with no mark of the kernel's: that
// they have said it at the very end, and failed, is as near as one gets.
class OutputHints {
 public:
  // The guest's output, piece by piece.
  void take(std::string_view output);

  // Whether a guest that ends with this exit code has just said that it has no network, or too little memory.
  [[nodiscard]] auto lacked_network(int exit_code) const -> bool { return exit_code != 0 && network_.is_due(); }
  [[nodiscard]] auto lacked_memory(int exit_code) const -> bool;

 private:
  OutputHint network_{"Network is down"};  // ENETDOWN
  // An allocation of Rust's that failed, and a kernel that has not enough to begin with.
  std::array<OutputHint, 2> memory_{OutputHint{"memory allocation of "}, OutputHint{"enough memory available"}};
};

}  // namespace hermitage::launch
