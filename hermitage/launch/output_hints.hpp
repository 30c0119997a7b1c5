// Finds the reason of a guest's failure in its output: no network, or too little memory.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hermitage::launch {

// Applications print an error in any format, and the kernel does not report it. So this is a guess: the end of the
// output contains the error's text, and the exit code is not 0.
class OutputHints {
 public:
  // Adds a piece of the guest's output.
  void take(std::string_view output);

  // Whether a guest that ends with this exit code has failed because it has no network, or too little memory.
  [[nodiscard]] auto lacked_network(int exit_code) const -> bool;
  [[nodiscard]] auto lacked_memory(int exit_code) const -> bool;

 private:
  [[nodiscard]] auto ends_with_error(std::string_view error) const -> bool;

  static constexpr std::size_t kEndSize = 4096;  // bytes

  std::string end_;  // of the output: at least the last kEndSize bytes, at most twice as many
};

}  // namespace hermitage::launch
