#include "hermitage/loader/command_line.hpp"

#include "hermitage/entry/text.hpp"

namespace hermitage::loader {
namespace {

constexpr std::string_view kPrefix = "hermitage.";
constexpr std::string_view kLog = "hermitage.log=";
constexpr std::string_view kHandover = "hermitage.handover=";
constexpr std::size_t kLongestHandover = 64;

auto is_space(char character) noexcept -> bool {
  return character == ' ' || character == '\t' || character == '\n';
}

// The size of the first argument of a text that does not begin with a space, by the rules of a shell: quoted and
// escaped parts may contain spaces.
auto word_size(std::string_view text) noexcept -> std::size_t {
  char quote = '\0';
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    const char character = text[i];
    if (character == '\\' && quote != '\'') {
      ++i;
    } else if (quote != '\0') {
      if (character == quote) quote = '\0';
    } else if (character == '\'' || character == '"') {
      quote = character;
    } else if (is_space(character)) {
      break;
    }
  }
  return i < text.size() ? i : text.size();
}

auto space_size(std::string_view text) noexcept -> std::size_t {
  std::size_t size = 0;
  while (size < text.size() && is_space(text[size])) ++size;
  return size;
}

auto is_handover(std::string_view value) noexcept -> bool {
  for (const char digit : value) {
    if ((digit < '0' || digit > '9') && (digit < 'a' || digit > 'f')) return false;
  }
  return !value.empty() && value.size() <= kLongestHandover;
}

void take(std::string_view word, LoaderOptions& options) noexcept {
  if (word.starts_with(kLog)) {
    if (const auto level = log_level(word.substr(kLog.size()))) {
      options.log_level = level;
      return;
    }
  }
  if (word.starts_with(kHandover) && options.handover.empty() && is_handover(word.substr(kHandover.size()))) {
    options.handover = word.substr(kHandover.size());
    return;
  }
  options.unknown = word;
}

}  // namespace

auto has_words(std::string_view line) noexcept -> bool {
  return space_size(line) < line.size();
}

auto take_word(std::string_view& line) noexcept -> std::string_view {
  line.remove_prefix(space_size(line));
  const auto word = line.substr(0, word_size(line));
  line.remove_prefix(word.size());
  return word;
}

auto ShellCharacters::next() noexcept -> std::optional<char> {
  while (!rest_.empty()) {
    const char character = rest_.front();
    rest_.remove_prefix(1);
    if (character == '\\' && quote_ != '\'') {
      // Inside double quotes, a backslash is literal unless the next character is one of these.
      constexpr std::string_view kEscaped = "\"\\$`";
      const bool is_escape =
          !rest_.empty() && (quote_ == '\0' || entry::index_of(kEscaped, rest_.front()) < kEscaped.size());
      if (!is_escape) return character;
      const char escaped = rest_.front();
      rest_.remove_prefix(1);
      return escaped;
    }
    const bool is_quote = quote_ == '\0' ? character == '\'' || character == '"' : character == quote_;
    if (!is_quote) return character;
    quote_ = quote_ == '\0' ? character : '\0';
  }
  return std::nullopt;
}

auto ShellCharacters::take(std::string_view characters) noexcept -> bool {
  for (const char character : characters) {
    if (next() != character) return false;
  }
  return true;
}

auto ends_kernel_words(std::string_view word) noexcept -> bool {
  ShellCharacters characters{word};
  return characters.take("--") && !characters.next();
}

auto split_command_line(std::string_view line, std::span<char> kernel_line, LoaderOptions& options) noexcept
    -> std::size_t {
  std::size_t size = 0;
  const auto keep = [&](std::string_view text) {
    for (const char character : text) kernel_line[size++] = character;
  };
  while (!line.empty()) {
    const auto spaces = space_size(line);
    keep(line.substr(0, spaces));
    line.remove_prefix(spaces);
    const auto word = line.substr(0, word_size(line));
    if (ends_kernel_words(word)) break;
    line.remove_prefix(word.size());
    if (word.starts_with(kPrefix)) {
      take(word, options);
      line.remove_prefix(space_size(line));
    } else {
      keep(word);
    }
  }
  keep(line);
  return size;
}

}  // namespace hermitage::loader
