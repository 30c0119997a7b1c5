// The command line: what of it is for the loader, and what for the kernel.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "hermitage/loader/log.hpp"

namespace hermitage::loader {

// In bytes. A longer one is refused.
inline constexpr std::size_t kLongestCommandLine = 16 << 10;

// Whether there is anything but space.
[[nodiscard]] auto has_words(std::string_view line) noexcept -> bool;

// Takes the first word off, as it is written, and the space before it; empty at the end.
auto take_word(std::string_view& line) noexcept -> std::string_view;

// The characters of a word as a shell reads them, one after another.
class ShellCharacters {
 public:
  explicit constexpr ShellCharacters(std::string_view word) noexcept : rest_{word} {}

  // Nothing at the end.
  [[nodiscard]] auto next() noexcept -> std::optional<char>;

  // Whether these come next; takes them, up to the first that does not.
  [[nodiscard]] auto take(std::string_view characters) noexcept -> bool;

 private:
  std::string_view rest_;
  char quote_ = '\0';
};

// Whether a word is the "--" behind which all is the application's.
[[nodiscard]] auto ends_kernel_words(std::string_view word) noexcept -> bool;

struct LoaderOptions {
  std::optional<LogLevel> log_level;
  // What the line that tells of the entry into the kernel is to end with; empty: there is to be none. Refers to the
  // line.
  std::string_view handover;
  // A `hermitage.` word that the loader does not know, for a warning; it is taken out all the same.
  std::string_view unknown;
};

// Takes the loader's own words, `hermitage.log=LEVEL` and `hermitage.handover=HEX`, out of a command line: words that
// begin with "hermitage." and stand before a word "--", behind which all is the application's. Of two handovers the
// first counts. The rest goes to `kernel_line`, which has room for
// line.size() bytes, unchanged but for the space behind a word that was taken out; returns its size.
auto split_command_line(std::string_view line, std::span<char> kernel_line, LoaderOptions& options) noexcept
    -> std::size_t;

}  // namespace hermitage::loader
