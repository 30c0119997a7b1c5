// The commands of the program, and how they end.
#pragma once

#include <string>
#include <vector>

#include "hermitage/launch/run_report.hpp"

namespace hermitage::cli {

// The exit status of every subcommand that looks at files.
enum class ExitCode : int {
  good = 0,
  some_not = 1,  // a file is not what it should be; each is named on standard error
  usage = 2,     // wrong usage, or a file that cannot be read or written

  // Of `run` alone, which otherwise ends as its guest does, or with 128 and the signal that ended it.
  timed_out = launch::kTimedOutStatus,
  not_started = launch::kNotStartedStatus,
  guest_died = launch::kGuestDiedStatus,
};

// The worse of two outcomes.
[[nodiscard]] constexpr auto worse(ExitCode a, ExitCode b) -> ExitCode {
  return a < b ? b : a;
}

// One command, with the words after its name.
using Words = std::vector<std::string>;

[[nodiscard]] auto run_doctor(const Words& words) -> ExitCode;
[[nodiscard]] auto run_help(const Words& words) -> ExitCode;
[[nodiscard]] auto run_image(const Words& words) -> ExitCode;
[[nodiscard]] auto run_inspect(const Words& words) -> ExitCode;
[[nodiscard]] auto run_load(const Words& words) -> ExitCode;
[[nodiscard]] auto run_guest(const Words& words) -> ExitCode;

}  // namespace hermitage::cli
