// What takes the place of run and doctor on machines that the monitor does not run on.
#include "hermitage/cli/command.hpp"
#include "hermitage/cli/output.hpp"

namespace hermitage::cli {
namespace {

constexpr const char* kReason =
    "guests run on Linux on x86_64 only; on this machine, kernels can be looked into and loaded";

}  // namespace

auto run_guest(const Words& /*words*/) -> ExitCode {
  complain({}, kReason);
  return ExitCode::not_started;
}

auto run_doctor(const Words& /*words*/) -> ExitCode {
  complain({}, kReason);
  return ExitCode::some_not;
}

}  // namespace hermitage::cli
