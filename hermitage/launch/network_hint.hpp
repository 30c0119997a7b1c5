// Tells from a guest's output that it ended because it has no network.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hermitage::launch {

// Applications print the error of the call that failed, in no place of their own and with no mark of the kernel's: that
// they have said it at the very end, and failed, is as near as one gets.
class NetworkHint {
 public:
  // The guest's output, piece by piece.
  void take(std::string_view output);

  // Whether a guest that ends with this exit code has just said that it has no network.
  [[nodiscard]] auto is_due(int exit_code) const -> bool;

 private:
  static constexpr std::string_view kError = "Network is down";  // ENETDOWN
  static constexpr std::size_t kEndSize = 4096;                  // bytes of output in which the error is at its end

  std::string tail_;  // an error may be cut in two
  bool has_seen_error_ = false;
  std::size_t size_since_error_ = 0;
};

}  // namespace hermitage::launch
