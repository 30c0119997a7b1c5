// The commands of the program, and how they end.
#pragma once

#include <string>
#include <vector>

#include "hermitage/launch/run_report.hpp"

namespace hermitage::cli {

// The exit status of all commands.
enum class ExitCode : int {
  good = 0,
  some_not = 1,  // a file is invalid; each is named on standard error
  usage = 2,     // wrong usage, or a file cannot be read or written

  // Of `run` only, whose status is otherwise the guest's exit code, or 128 plus the signal that stopped it.
  timed_out = launch::kTimedOutStatus,
  not_started = launch::kNotStartedStatus,
  guest_crashed = launch::kGuestCrashedStatus,
};

// The worse of two outcomes.
[[nodiscard]] constexpr auto worse(ExitCode a, ExitCode b) -> ExitCode {
  return a < b ? b : a;
}

// One command, called with the arguments after its name.
using Words = std::vector<std::string>;

[[nodiscard]] auto run_debug(const Words& words) -> ExitCode;
[[nodiscard]] auto run_doctor(const Words& words) -> ExitCode;
[[nodiscard]] auto run_help(const Words& words) -> ExitCode;
[[nodiscard]] auto run_image(const Words& words) -> ExitCode;
[[nodiscard]] auto run_inspect(const Words& words) -> ExitCode;
[[nodiscard]] auto run_load(const Words& words) -> ExitCode;
[[nodiscard]] auto run_guest(const Words& words) -> ExitCode;
[[nodiscard]] auto run_snapshot(const Words& words) -> ExitCode;

}  // namespace hermitage::cli
