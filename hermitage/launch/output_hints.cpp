#include "hermitage/launch/output_hints.hpp"

#include <algorithm>

namespace hermitage::launch {

void OutputHint::take(std::string_view output) {
  // What comes before the end of a long piece cannot be at the end of all.
  const auto room = kEndSize + error_.size();
  if (output.size() > room) {
    *this = OutputHint{error_};
    output = output.substr(output.size() - room);
  }
  tail_ += output.substr(0, error_.size() - 1);
  const bool is_cut_in_two = tail_.find(error_) != std::string::npos;
  const auto found = output.rfind(error_);
  if (found != std::string_view::npos) {
    size_since_error_ = output.size() - found;
  } else {
    size_since_error_ = (is_cut_in_two ? 0 : size_since_error_) + output.size();
  }
  has_seen_error_ = has_seen_error_ || is_cut_in_two || found != std::string_view::npos;
  if (output.size() >= error_.size()) tail_ = output.substr(output.size() - (error_.size() - 1));
  tail_.erase(0, tail_.size() - std::min(tail_.size(), error_.size() - 1));
}

void OutputHints::take(std::string_view output) {
  network_.take(output);
  for (auto& hint : memory_) hint.take(output);
}

auto OutputHints::lacked_memory(int exit_code) const -> bool {
  return exit_code != 0 && std::ranges::any_of(memory_, &OutputHint::is_due);
}

}  // namespace hermitage::launch
