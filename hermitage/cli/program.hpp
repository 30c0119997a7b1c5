// The program: what it does with its whole command line.
#pragma once

#include "hermitage/cli/command.hpp"

namespace hermitage::cli {

// Runs the command that the arguments name. Without arguments, prints the first commands that a new user needs, on
// standard error, and ends with ExitCode::usage.
[[nodiscard]] auto run_program(const Words& arguments) -> ExitCode;

}  // namespace hermitage::cli
