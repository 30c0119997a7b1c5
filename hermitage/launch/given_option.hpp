// Options that something does not accept, as far as a user has given them.
#pragma once

#include <algorithm>
#include <span>

namespace hermitage::launch {

struct GivenOption {
  bool is_given;
  const char* name;
};

// The name of the first option that is given; null: none.
[[nodiscard]] constexpr auto first_given(std::span<const GivenOption> options) noexcept -> const char* {
  const auto found = std::ranges::find_if(options, &GivenOption::is_given);
  return found == options.end() ? nullptr : found->name;
}

}  // namespace hermitage::launch
