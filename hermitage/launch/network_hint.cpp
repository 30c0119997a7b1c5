#include "hermitage/launch/network_hint.hpp"

#include <algorithm>

namespace hermitage::launch {

void NetworkHint::take(std::string_view output) {
  tail_ += output.substr(0, kError.size() - 1);
  const bool is_cut_in_two = tail_.find(kError) != std::string::npos;
  const auto found = output.rfind(kError);
  if (found != std::string_view::npos) {
    size_since_error_ = output.size() - found;
  } else {
    size_since_error_ = (is_cut_in_two ? 0 : size_since_error_) + output.size();
  }
  has_seen_error_ = has_seen_error_ || is_cut_in_two || found != std::string_view::npos;
  if (output.size() >= kError.size()) tail_ = output.substr(output.size() - (kError.size() - 1));
  tail_.erase(0, tail_.size() - std::min(tail_.size(), kError.size() - 1));
}

auto NetworkHint::is_due(int exit_code) const -> bool {
  return exit_code != 0 && has_seen_error_ && size_since_error_ <= kEndSize;
}

}  // namespace hermitage::launch
