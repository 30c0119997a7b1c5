// Reports the end of a run on standard error, if the exit status alone does not explain it.
#pragma once

#include <string>

#include "hermitage/cli/command.hpp"
#include "hermitage/launch/failure.hpp"
#include "hermitage/launch/launch_spec.hpp"
#include "hermitage/launch/run_report.hpp"

namespace hermitage::cli {

void tell_of_ending(const launch::LaunchSpec& spec, const launch::RunReport& report);

void tell_of_undelivered_output(const launch::LaunchSpec& spec, const launch::RunReport& report);

// Reports on saving to `file`, for `hermitage snapshot`.
void tell_of_saving(const std::string& file, const launch::RunReport& report);
// The exit status of `hermitage snapshot`: not_started if the guest was not saved, and was not stopped.
[[nodiscard]] auto exit_code_after_saving(const launch::RunReport& report) -> ExitCode;

[[nodiscard]] inline auto exit_code_of(const launch::RunReport& report) -> ExitCode {
  return static_cast<ExitCode>(launch::exit_status(report.ending));
}

[[nodiscard]] inline auto exit_code_of(const launch::Failure& failure) -> ExitCode {
  return failure.code == launch::Failure::Code::usage ? ExitCode::usage : ExitCode::not_started;
}

}  // namespace hermitage::cli
