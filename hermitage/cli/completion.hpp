// Generates shell completions from the tables of options.
#pragma once

#include <string>

#include "hermitage/cli/options.hpp"

namespace hermitage::cli {

// A script for bash, which defines the completion function _hermitage.
[[nodiscard]] auto bash_completion(const CommandDescription& program) -> std::string;

// The function _hermitage for zsh, by _arguments.
[[nodiscard]] auto zsh_completion(const CommandDescription& program) -> std::string;

// Commands of fish, which define the completions of the program.
[[nodiscard]] auto fish_completion(const CommandDescription& program) -> std::string;

}  // namespace hermitage::cli
