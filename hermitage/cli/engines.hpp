// How `hermitage run` runs a guest in an engine: what becomes of signals and of the time limit, and what is printed.
#pragma once

#include <string>

#include "hermitage/cli/command.hpp"
#include "hermitage/cli/run_options.hpp"
#include "hermitage/cli/time_limit.hpp"
#include "hermitage/launch/failure.hpp"
#include "hermitage/launch/run_request.hpp"

namespace hermitage::cli {

// Why QEMU is taken, for a line on standard error; empty where the user wants it.
struct QemuReason {
  std::string sentence = {};
  bool monitor_has_tried = false;  // and has warned of what is odd about the image
};

// Both run the guest to its end, say on standard error what there is to say about that, and return the exit status.
[[nodiscard]] auto run_in_monitor(const RunOptions& options, const launch::RunRequest& request, TimeLimit& limit)
    -> launch::OrFailure<ExitCode>;
[[nodiscard]] auto run_in_qemu(const RunOptions& options, launch::RunRequest& request, TimeLimit& limit,
                               const QemuReason& reason) -> launch::OrFailure<ExitCode>;

}  // namespace hermitage::cli
