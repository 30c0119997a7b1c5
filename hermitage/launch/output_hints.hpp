// Tells from a guest's output what it lacked when it failed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hermitage::launch {

// Applications print the error of the call that failed, in no place of their own and with no mark of the kernel's: that
// they have said it at the very end, and failed, is as near as one gets.
class OutputHints {
 public:
  // The guest's output, piece by piece.
  void take(std::string_view output);

  // Whether a guest that ends with this exit code has just said that it has no network, or too little memory.
  [[nodiscard]] auto lacked_network(int exit_code) const -> bool;
  [[nodiscard]] auto lacked_memory(int exit_code) const -> bool;

 private:
  [[nodiscard]] auto ends_with_error(std::string_view error) const -> bool;

  static constexpr std::size_t kEndSize = 4096;  // bytes

  std::string end_;  // of the output: at least the last kEndSize bytes, at most twice as many
};

}  // namespace hermitage::launch
