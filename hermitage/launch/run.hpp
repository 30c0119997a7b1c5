// Runs a launch with the engine that it requires, for programs that need no access to the steps between.
//
//   auto source = launch::KernelSource::open(path, launch::KernelSource::Streams::refuse);
//   launch::RunRequest request{.image = path, .sources = {.command_line = options}, .source = *std::move(source)};
//   const auto report = launch::run(request);
//   return report ? launch::exit_status(report->ending) : launch::kNotStartedStatus;
#pragma once

#include "hermitage/launch/failure.hpp"
#include "hermitage/launch/run_report.hpp"
#include "hermitage/launch/run_request.hpp"

namespace hermitage::launch {

// Runs the guest to its end, with the engine that the sources select, or otherwise with one that can run it. Without a
// deadline, the sources' timeout counts from this call. The requirements of MonitorRun and QemuRun apply: the process
// has one thread and no child, ignores SIGPIPE, and may be isolated afterwards.
[[nodiscard]] auto run(RunRequest& request) -> OrFailure<RunReport>;

}  // namespace hermitage::launch
