#include "hermitage/cli/suggestion.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace hermitage::cli {
namespace {

// Longer words are not compared: the names of commands and options are shorter.
constexpr std::size_t kMaxWord = 40;

// The optimal string alignment distance.
auto edits(std::string_view from, std::string_view to) -> std::size_t {
  std::vector<std::size_t> row_before_last(to.size() + 1);
  std::vector<std::size_t> last_row(to.size() + 1);
  std::vector<std::size_t> row(to.size() + 1);
  for (std::size_t j = 0; j <= to.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= from.size(); ++i) {
    std::swap(row_before_last, last_row);
    std::swap(last_row, row);
    row[0] = i;
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const bool is_same = from[i - 1] == to[j - 1];
      row[j] = std::min({last_row[j] + 1, row[j - 1] + 1, last_row[j - 1] + (is_same ? 0 : 1)});
      const bool is_swapped = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
      if (is_swapped) row[j] = std::min(row[j], row_before_last[j - 2] + 1);
    }
  }
  return row.back();
}

}  // namespace

auto nearest(std::string_view word, std::span<const std::string_view> candidates) -> std::optional<std::string_view> {
  if (word.empty() || word.size() > kMaxWord) return std::nullopt;
  const auto begins_as_word = [word](std::string_view candidate) { return candidate.starts_with(word); };
  if (std::ranges::count_if(candidates, begins_as_word) == 1) return *std::ranges::find_if(candidates, begins_as_word);

  std::optional<std::string_view> found;
  auto limit = (word.size() + 2) / 3 + 1;  // first value that is too much
  for (const auto candidate : candidates) {
    const auto count = edits(word, candidate);
    if (count >= limit) continue;
    limit = count;
    found = candidate;
  }
  return found;
}

}  // namespace hermitage::cli
