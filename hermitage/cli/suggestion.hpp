// A suggestion for a misspelt command or option.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace hermitage::cli {

// The most likely candidate for a misspelt word: the only one that begins with `word`, or else the one with the fewest
// edits (insert, remove or replace a character, or swap two neighbours), at most one for each three characters of the
// word, or else the one whose beginning needs the fewest, at most one for each four characters. If several need the
// same number, the first.
[[nodiscard]] auto nearest(std::string_view word, std::span<const std::string_view> candidates)
    -> std::optional<std::string_view>;

}  // namespace hermitage::cli
