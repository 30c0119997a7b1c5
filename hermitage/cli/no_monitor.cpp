// Replaces run_in_monitor.cpp in a build without the monitor.
#include "hermitage/cli/engines.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/cli/snapshot_report.hpp"
#include "hermitage/launch/monitor.hpp"

namespace hermitage::cli {

auto run_in_monitor(const RunOptions& /*options*/, launch::RunRequest& request, TimeLimit& /*limit*/)
    -> launch::OrFailure<ExitCode> {
  return std::unexpected{launch::MonitorRun::prepare(request).error()};
}

auto is_snapshot_file(const std::string& /*path*/) -> bool {
  return false;
}

auto inspect_snapshot(const std::string& path, bool /*as_json*/) -> ExitCode {
  return verify_snapshot(path);
}

auto verify_snapshot(const std::string& path) -> ExitCode {
  complain(path, "this build has no monitor, which reads snapshots");
  return ExitCode::usage;
}

}  // namespace hermitage::cli
