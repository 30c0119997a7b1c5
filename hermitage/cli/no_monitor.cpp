// What takes the monitor's place where it is not built in.
#include "hermitage/cli/engines.hpp"

namespace hermitage::cli {
namespace {

constexpr const char* kReason = "the monitor runs on Linux on x86_64 only, and is not in this program";

}  // namespace

auto why_no_monitor() -> std::optional<std::string> {
  return kReason;
}

auto why_no_kvm() -> std::optional<std::string> {
  return kReason;
}

auto check_monitor() -> std::vector<base::HostCheck> {
  return {{.subject = "monitor", .outcome = base::HostCheck::Outcome::missing, .finding = kReason}};
}

auto run_in_monitor(RunRequest& request, TimeLimit& /*limit*/) -> OrFailure<ExitCode> {
  return not_started(request.options.image, kReason);
}

}  // namespace hermitage::cli
