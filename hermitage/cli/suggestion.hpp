// A suggestion for a misspelt command or option.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace hermitage::cli {

// The candidate that `word` most likely stands for: the only one that it is the beginning of, or else the one that
// takes the fewest edits (insert, remove or replace a character, or swap two neighbours), at most one for each three
// characters. Of several with as few edits, the first.
[[nodiscard]] auto nearest(std::string_view word, std::span<const std::string_view> candidates)
    -> std::optional<std::string_view>;

}  // namespace hermitage::cli
