// The syntax of a kernel's command line, which the kernel splits like a POSIX shell.
#pragma once

#include <string_view>

namespace hermitage::entry {

// Whether a character certainly needs no quotes. Other characters may need none either.
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

// All arguments after this one are the application's.
inline constexpr std::string_view kEndOfKernelWords = "--";

// Boot loaders take unquoted arguments with this prefix as their own.
inline constexpr std::string_view kLoaderWordBeginning = "hermitage.";

}  // namespace hermitage::entry
