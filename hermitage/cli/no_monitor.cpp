// Replaces run_in_monitor.cpp in a build without the monitor.
#include "hermitage/cli/engines.hpp"
#include "hermitage/launch/monitor.hpp"

namespace hermitage::cli {

auto run_in_monitor(const RunOptions& /*options*/, const launch::RunRequest& request, TimeLimit& /*limit*/)
    -> launch::OrFailure<ExitCode> {
  return std::unexpected{launch::MonitorRun::prepare(request).error()};
}

}  // namespace hermitage::cli
