// The completions of the program for shells, made of what its commands take.
#pragma once

#include <string>

#include "hermitage/cli/options.hpp"

namespace hermitage::cli {

// A script for bash, which completes by the function _hermitage.
[[nodiscard]] auto bash_completion(const CommandDescription& program) -> std::string;

// The function _hermitage for zsh, by _arguments.
[[nodiscard]] auto zsh_completion(const CommandDescription& program) -> std::string;

}  // namespace hermitage::cli
