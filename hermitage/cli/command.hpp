// What all subcommands share: how they are added to the program, and how they end.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace hermitage::cli {

// The exit status of every subcommand that looks at files.
enum class ExitCode : int {
  good = 0,
  some_not = 1,  // a file is not what it should be; each is named on standard error
  usage = 2,     // wrong usage, or a file that cannot be read or written

  // Of `run` alone, which otherwise ends as its guest does, or with 128 and the signal that ended it.
  timed_out = 124,
  not_started = 125,
  guest_died = 126,
};

// The worse of two outcomes.
[[nodiscard]] constexpr auto worse(ExitCode a, ExitCode b) -> ExitCode {
  return a < b ? b : a;
}

using Command = std::function<ExitCode()>;

// Each adds a subcommand to `program`. The command that comes back is to be run when the subcommand was given.
[[nodiscard]] auto add_doctor(CLI::App& program) -> Command;
[[nodiscard]] auto add_image(CLI::App& program) -> Command;
[[nodiscard]] auto add_inspect(CLI::App& program) -> Command;
[[nodiscard]] auto add_load(CLI::App& program) -> Command;

// `hermitage run`, with the words after it. It has its options from elsewhere: see run_options.cpp.
inline constexpr const char* kRunDescription = "Run a Hermit kernel or image in a virtual machine";
[[nodiscard]] auto run_guest(const std::vector<std::string>& words) -> ExitCode;

}  // namespace hermitage::cli
