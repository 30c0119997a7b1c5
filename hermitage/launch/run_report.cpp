#include "hermitage/launch/run_report.hpp"

namespace hermitage::launch {
namespace {

struct StatusOf {
  auto operator()(const GuestExited& exited) const -> int { return exited.code & 0xff; }
  auto operator()(const GuestCrashed& /*crashed*/) const -> int { return kGuestCrashedStatus; }
  auto operator()(const TimedOut& /*timed_out*/) const -> int { return kTimedOutStatus; }
  auto operator()(const Stopped& stopped) const -> int { return status_after_signal(stopped.signal); }
  auto operator()(const OutputFailed& /*failed*/) const -> int { return kNotStartedStatus; }
  auto operator()(const FileTruncated& /*truncated*/) const -> int { return kGuestCrashedStatus; }
  auto operator()(const EngineFailed& /*failed*/) const -> int { return kNotStartedStatus; }
  auto operator()(const GuestSaved& saved) const -> int { return saved.problem.empty() ? 0 : kNotStartedStatus; }
};

}  // namespace

auto exit_status(const Ending& ending) -> int {
  return std::visit(StatusOf{}, ending);
}

}  // namespace hermitage::launch
