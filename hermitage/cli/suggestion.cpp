#include "hermitage/cli/suggestion.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace hermitage::cli {
namespace {

// Longer words are not compared: the names of commands and options are shorter.
constexpr std::size_t kMaxWord = 40;

// The optimal string alignment distances from `from` to each prefix of `to`, the shortest first.
auto edits_to_prefixes(std::string_view from, std::string_view to) -> std::vector<std::size_t> {
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
  return row;
}

auto edits(std::string_view from, std::string_view to) -> std::size_t {
  return edits_to_prefixes(from, to).back();
}

auto edits_to_beginning(std::string_view from, std::string_view to) -> std::size_t {
  return std::ranges::min(edits_to_prefixes(from, to));
}

// The first candidate with the fewest edits, if they are at most `most`.
auto nearest_by(std::size_t (*distance)(std::string_view, std::string_view), std::string_view word,
                std::span<const std::string_view> candidates, std::size_t most) -> std::optional<std::string_view> {
  std::optional<std::string_view> found;
  auto limit = most + 1;
  for (const auto candidate : candidates) {
    const auto count = distance(word, candidate);
    if (count >= limit) continue;
    limit = count;
    found = candidate;
  }
  return found;
}

}  // namespace

auto nearest(std::string_view word, std::span<const std::string_view> candidates) -> std::optional<std::string_view> {
  if (word.empty() || word.size() > kMaxWord) return std::nullopt;
  const auto begins_as_word = [word](std::string_view candidate) { return candidate.starts_with(word); };
  if (std::ranges::count_if(candidates, begins_as_word) == 1) return *std::ranges::find_if(candidates, begins_as_word);
  if (const auto found = nearest_by(edits, word, candidates, (word.size() + 2) / 3)) return found;
  return nearest_by(edits_to_beginning, word, candidates, word.size() / 4);
}

}  // namespace hermitage::cli
