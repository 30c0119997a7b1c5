// Manual pages (mdoc) with lists of options that are generated from the tables of options.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "hermitage/cli/options.hpp"

namespace hermitage::cli {

// Inserts the lists of options into a template. In a template,
//
//   .\" @options COMMAND, COMMAND …
//   .\" @option NAME
//   Additional text about this option, in mdoc.
//   .\" @end
//
// becomes a list of the options of these commands ("run", "image create"; "" is the program), each once, with its help
// text and the additional text. The error names the line and the reason: an unknown command or option, a repeated
// option, or a missing end.
[[nodiscard]] auto fill_in_manual(std::string_view page, const CommandDescription& program)
    -> std::expected<std::string, std::string>;

}  // namespace hermitage::cli
