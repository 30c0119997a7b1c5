// Splitting of the command line for the loader and the kernel.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "hermitage/loader/log.hpp"

namespace hermitage::loader {

// In bytes. Longer command lines are refused.
inline constexpr std::size_t kLongestCommandLine = 16 << 10;

// Whether the line contains anything except spaces.
[[nodiscard]] auto has_words(std::string_view line) noexcept -> bool;

// Removes the first word and the space before it. Returns the word as written, or an empty string at the end.
auto take_word(std::string_view& line) noexcept -> std::string_view;

// Iterates over the characters of a word by the rules of a shell.
class ShellCharacters {
 public:
  explicit constexpr ShellCharacters(std::string_view word) noexcept : rest_{word} {}

  // Returns nothing at the end.
  [[nodiscard]] auto next() noexcept -> std::optional<char>;

  // Whether these characters are next. Takes them, up to the first difference.
  [[nodiscard]] auto take(std::string_view characters) noexcept -> bool;

 private:
  std::string_view rest_;
  char quote_ = '\0';
};

// Whether a word is the "--" before the application's arguments.
[[nodiscard]] auto ends_kernel_words(std::string_view word) noexcept -> bool;

struct LoaderOptions {
  std::optional<LogLevel> log_level;
  // The end of the line that announces the entry into the kernel. If it is empty, there is no such line. Refers to
  // the command line.
  std::string_view handover;
  // An argument with the prefix `hermitage.` that the loader does not support, for a warning. It is removed too.
  std::string_view unknown;
};

// Removes the loader's own arguments, `hermitage.log=LEVEL` and `hermitage.handover=HEX`, from a command line. These
// begin with "hermitage." and are before a word "--", after which all arguments are the application's. Of two
// handovers, the first counts. Writes the rest to `kernel_line`, which must have space for line.size() bytes, and
// returns its size. The rest is unchanged, except for the space after a removed argument.
auto split_command_line(std::string_view line, std::span<char> kernel_line, LoaderOptions& options) noexcept
    -> std::size_t;

}  // namespace hermitage::loader
