// Runs a guest of `hermitage run` with an engine: handles signals and the time limit, and prints messages.
#pragma once

#include <string>

#include "hermitage/cli/command.hpp"
#include "hermitage/cli/run_options.hpp"
#include "hermitage/cli/time_limit.hpp"
#include "hermitage/launch/failure.hpp"
#include "hermitage/launch/run_request.hpp"

namespace hermitage::cli {

// Runs a guest with parsed options, for the command of this name. `words` are its arguments.
[[nodiscard]] auto run_with(RunOptions options, const Words& words, const char* command) -> ExitCode;

// Why QEMU is used, for a line on standard error; empty if the user selected it.
struct QemuReason {
  std::string sentence = {};
  bool monitor_has_tried = false;  // and has printed the warnings about the image
};

// Both run the guest to its end, report the end on standard error, and return the exit status.
[[nodiscard]] auto run_in_monitor(const RunOptions& options, launch::RunRequest& request, TimeLimit& limit)
    -> launch::OrFailure<ExitCode>;
[[nodiscard]] auto run_in_qemu(const RunOptions& options, launch::RunRequest& request, TimeLimit& limit,
                               const QemuReason& reason) -> launch::OrFailure<ExitCode>;

}  // namespace hermitage::cli
