#include "hermitage/launch/output_hints.hpp"

namespace hermitage::launch {

void OutputHints::take(std::string_view output) {
  if (output.size() > kEndSize) output.remove_prefix(output.size() - kEndSize);
  end_ += output;
  if (end_.size() > 2 * kEndSize) end_.erase(0, end_.size() - kEndSize);
}

auto OutputHints::ends_with_error(std::string_view error) const -> bool {
  auto end = std::string_view{end_};
  if (end.size() > kEndSize) end.remove_prefix(end.size() - kEndSize);
  return end.rfind(error) != std::string_view::npos;
}

auto OutputHints::lacked_network(int exit_code) const -> bool {
  return exit_code != 0 && ends_with_error("Network is down");  // ENETDOWN
}

// The message of Rust's allocator, and that of a kernel that cannot start.
auto OutputHints::lacked_memory(int exit_code) const -> bool {
  return exit_code != 0 && (ends_with_error("memory allocation of ") || ends_with_error("enough memory available"));
}

}  // namespace hermitage::launch
