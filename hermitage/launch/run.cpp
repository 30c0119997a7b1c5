#include "hermitage/launch/run.hpp"

#include <utility>

#include "hermitage/launch/engine.hpp"
#include "hermitage/launch/in_qemu.hpp"
#include "hermitage/launch/launch_options.hpp"
#include "hermitage/launch/monitor.hpp"

namespace hermitage::launch {
namespace {

auto run_in_qemu(RunRequest& request, QemuOptions options) -> OrFailure<RunReport> {
  auto run = QemuRun::prepare(request, std::move(options));
  if (!run) return std::unexpected{std::move(run.error())};
  if (auto opened = run->open(); !opened) return std::unexpected{std::move(opened.error())};
  return run->run();
}

}  // namespace

auto run(RunRequest& request) -> OrFailure<RunReport> {
  const auto options = merged(request.sources);
  const auto timeout = timeout_of(options);
  if (timeout && !request.deadline) request.deadline = time_after(RunRequest::Clock::now(), *timeout);
  const auto wanted = options.engine.value_or(Engine::any);
  auto choice = choose_engine(wanted, engine_facts(wanted, option_for_qemu(options)));
  if (!choice) return std::unexpected{std::move(choice.error())};
  if (request.snapshot || request.source.kind() == KernelSource::Kind::snapshot) {
    if (auto required = require_monitor(*choice, request.image); !required) return std::unexpected{required.error()};
  }
  if (choice->engine == Engine::qemu) return run_in_qemu(request, {.reason = std::move(choice->reason)});
  auto run = MonitorRun::prepare(request);
  if (run) return run->run();
  auto next = fallback(*choice, run.error());
  if (!next) return std::unexpected{std::move(run.error())};
  return run_in_qemu(request, {.reason = std::move(next->reason), .monitor_has_tried = true});
}

}  // namespace hermitage::launch
