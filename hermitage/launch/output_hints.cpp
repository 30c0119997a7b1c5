#include "hermitage/launch/output_hints.hpp"

namespace hermitage::launch {

void OutputHints::take(std::string_view output) {
  if (output.size() > kEndSize) output.remove_prefix(output.size() - kEndSize);
  end_ += output;
  if (end_.size() > 2 * kEndSize) end_.erase(0, end_.size() - kEndSize);
}

auto OutputHints::lacked_network(int exit_code) const -> bool {
  return exit_code != 0 && end_.rfind("Network is down") != std::string::npos;  // ENETDOWN
}

// An allocation of Rust's that failed, and a kernel that has not enough to begin with.
auto OutputHints::lacked_memory(int exit_code) const -> bool {
  return exit_code != 0 && (end_.rfind("memory allocation of ") != std::string::npos ||
                            end_.rfind("enough memory available") != std::string::npos);
}

}  // namespace hermitage::launch
