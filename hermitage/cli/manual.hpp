// Manual pages (mdoc), whose lists of options are made of what the program's commands take.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "hermitage/cli/options.hpp"

namespace hermitage::cli {

// Fills a page's template in. In it,
//
//   .\" @options COMMAND, COMMAND …
//   .\" @option NAME
//   More to say of that option, in mdoc.
//   .\" @end
//
// becomes a list of the options of these commands ("run", "image create"; "" is the program), each once: what the help
// says of it, and what is said there. The error names the line, and what is wrong: a command or an option that there is
// not, an option twice, or no end.
[[nodiscard]] auto fill_in_manual(std::string_view page, const CommandDescription& program)
    -> std::expected<std::string, std::string>;

}  // namespace hermitage::cli
