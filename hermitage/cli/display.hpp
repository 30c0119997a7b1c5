// The capabilities of standard output: colours, characters, and the width of a line.
#pragma once

#include "hermitage/inspect/display.hpp"

namespace hermitage::cli {

// The characters of the locale, from the first of LC_ALL, LC_CTYPE and LANG that is set and not empty, as setlocale(3)
// chooses it. UTF-8 if the locale's name has that codeset ("C.UTF-8", "de_DE.utf8@euro"); otherwise ASCII.
[[nodiscard]] auto charset_of_locale() -> inspect::Charset;

// Colours on a terminal, unless the user does not want them (NO_COLOR, TERM=dumb). The width is that of COLUMNS, which
// must be a decimal number above 0; otherwise that of the terminal; otherwise Display::kDefaultColumns.
[[nodiscard]] auto display_of_output() -> inspect::Display;

}  // namespace hermitage::cli
