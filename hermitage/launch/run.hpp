// A launch as a whole: for a program that leaves the rest to this module.
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

// Runs the guest to its end, once, on the engine that the sources want, or else on the one that can. Without a
// deadline, the sources' timeout counts from here. What MonitorRun and QemuRun ask of the process holds: it has one
// thread and no child, ignores SIGPIPE, and may be isolated afterwards.
[[nodiscard]] auto run(RunRequest& request) -> OrFailure<RunReport>;

}  // namespace hermitage::launch
