// Replaces the monitor in a build without it: every function fails or returns nothing.
#include "hermitage/launch/monitor.hpp"
#include "hermitage/launch/monitor_host.hpp"

namespace hermitage::launch {
namespace {

constexpr const char* kReason = "this build has no monitor, which needs Linux on x86_64 or aarch64";

}  // namespace

auto why_no_monitor() -> std::optional<std::string> {
  return kReason;
}

auto monitor_arch() -> std::optional<entry::Arch> {
  return std::nullopt;
}

auto why_no_kvm() -> std::optional<std::string> {
  return kReason;
}

auto check_monitor() -> std::vector<base::HostCheck> {
  return {{.subject = "monitor", .outcome = base::HostCheck::Outcome::missing, .finding = kReason}};
}

// There is never one: prepare() fails.
class MonitorRun::State {
 public:
  LaunchSpec spec;
};

MonitorRun::MonitorRun(std::unique_ptr<State> state) noexcept : state_{std::move(state)} {}
MonitorRun::MonitorRun(MonitorRun&&) noexcept = default;
MonitorRun::~MonitorRun() = default;

auto MonitorRun::prepare(const RunRequest& request) -> OrFailure<MonitorRun> {
  return not_started(request.image, kReason);
}

auto MonitorRun::spec() const noexcept -> const LaunchSpec& {
  return state_->spec;
}

auto MonitorRun::run() -> OrFailure<RunReport> {
  return not_started({}, kReason);
}

void MonitorRun::stop(int /*signal*/) noexcept {}

void MonitorRun::request_snapshot() noexcept {}

void MonitorRun::free_machine() noexcept {}

auto MonitorRun::crash() const noexcept -> const vmm::GuestCrash* {
  return nullptr;
}

auto MonitorRun::hypercalls() const noexcept -> std::span<const std::vector<std::string>> {
  return {};
}

auto MonitorRun::core() const noexcept -> const std::expected<CoreReport, vmm::Error>* {
  return nullptr;
}

auto MonitorRun::statistics() const noexcept -> const vmm::Statistics* {
  return nullptr;
}

auto MonitorRun::timeline() const noexcept -> const vmm::observe::Timeline* {
  return nullptr;
}

auto MonitorRun::profile() const noexcept -> const vmm::observe::Profile* {
  return nullptr;
}

auto MonitorRun::read_kernel() -> KernelPlace {
  return {};
}

}  // namespace hermitage::launch
