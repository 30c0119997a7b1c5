// What takes the place of run and doctor on machines that the monitor does not run on.
#include "hermitage/cli/command.hpp"
#include "hermitage/cli/output.hpp"

namespace hermitage::cli {
namespace {

constexpr const char* kReason =
    "guests run on Linux on x86_64 only; on this machine, kernels can be looked into and loaded";

}  // namespace

auto run_guest(const std::vector<std::string>& /*words*/) -> ExitCode {
  complain({}, kReason);
  return ExitCode::not_started;
}

auto add_doctor(CLI::App& program) -> Command {
  program.add_subcommand("doctor", "Say what of this host works for running Hermit kernels");
  return [] {
    complain({}, kReason);
    return ExitCode::some_not;
  };
}

}  // namespace hermitage::cli
