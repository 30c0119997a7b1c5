// Words as a POSIX shell reads them, which is how kernels read their command lines.
#pragma once

#include <string_view>

namespace hermitage::entry {

// Whether a character means itself in a word without quotes. More may, but these surely do.
[[nodiscard]] constexpr auto needs_no_quotes(char character) noexcept -> bool {
  if ((character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
      (character >= '0' && character <= '9')) {
    return true;
  }
  for (const char safe : std::string_view{"%+,-./:=@_"}) {
    if (character == safe) return true;
  }
  return false;
}

// Behind it, all words are the application's.
inline constexpr std::string_view kEndOfKernelWords = "--";

// Boot loaders take words that begin so for their own, unless they are in quotes.
inline constexpr std::string_view kLoaderWordBeginning = "hermitage.";

}  // namespace hermitage::entry
