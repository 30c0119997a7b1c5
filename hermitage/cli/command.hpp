// What all subcommands share: how they are added to the program, and how they end.
#pragma once

#include <functional>

#include <CLI/CLI.hpp>

namespace hermitage::cli {

// The exit status of every subcommand that looks at files.
enum class ExitCode : int {
  good = 0,
  some_not = 1,  // a file is not what it should be; each is named on standard error
  usage = 2,     // wrong usage, or a file that cannot be read or written
};

// The worse of two outcomes.
[[nodiscard]] constexpr auto worse(ExitCode a, ExitCode b) -> ExitCode {
  return a < b ? b : a;
}

using Command = std::function<ExitCode()>;

// Each adds a subcommand to `program`. The command that comes back is to be run when the subcommand was given.
[[nodiscard]] auto add_image(CLI::App& program) -> Command;
[[nodiscard]] auto add_inspect(CLI::App& program) -> Command;
[[nodiscard]] auto add_load(CLI::App& program) -> Command;

}  // namespace hermitage::cli
