// hermitage run by the monitor, on KVM.
#include <atomic>
#include <csignal>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "hermitage/cli/bus_errors.hpp"
#include "hermitage/cli/engines.hpp"
#include "hermitage/cli/monitor_report.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/cli/process.hpp"
#include "hermitage/cli/run_report.hpp"
#include "hermitage/launch/monitor.hpp"
#include "hermitage/launch/run_report.hpp"
#include "hermitage/vmm/ending.hpp"
#include "hermitage/vmm/statistics.hpp"

namespace hermitage::cli {
namespace {

using launch::Failure;
using launch::MonitorRun;
using launch::OrFailure;

// The run that a signal ends, and what sees to it that it ends soon.
std::atomic<MonitorRun*> running = nullptr;
std::atomic<TimeLimit*> running_limit = nullptr;

void end_run(int signal) {
  if (auto* const limit = running_limit.load())
    limit->end_soon(static_cast<ExitCode>(launch::status_after_signal(signal)));
  if (auto* const run = running.load()) run->stop(signal);
}

void end_run_after_bus_error() {
  if (auto* const run = running.load()) run->stop(SIGBUS);
}

// While it is there, the signals by which people end programs end the guest, and the rest is cleaned up. Nothing else
// that happens to output or files ends the program behind its back.
class SignalsEndRun {
 public:
  SignalsEndRun(MonitorRun& run, TimeLimit& limit) {
    running_limit = &limit;
    running = &run;
    struct sigaction action{};
    action.sa_handler = end_run;
    action.sa_flags = SA_RESTART;
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
      // Who starts the program with a signal ignored, as nohup does, means it.
      struct sigaction before{};
      if (::sigaction(signal, nullptr, &before) == 0 && before.sa_handler != SIG_IGN) {
        ::sigaction(signal, &action, nullptr);
      }
    }
  }
  SignalsEndRun(const SignalsEndRun&) = delete;
  auto operator=(const SignalsEndRun&) -> SignalsEndRun& = delete;
  ~SignalsEndRun() {
    forget_run();
    running_limit = nullptr;
  }

  // The guest has ended: a signal still limits what is left to do.
  static void forget_run() { running = nullptr; }
};

auto open_stats_file(const RunOptions& options) -> OrFailure<std::optional<LateFile>> {
  if (options.stats_file.empty()) return std::nullopt;
  auto opened = LateFile::open(options.stats_file);
  if (opened) return *std::move(opened);
  return std::unexpected{
      Failure{.kind = Failure::Kind::usage, .subject = options.stats_file, .message = std::move(opened.error())}};
}

auto tell_statistics(const RunOptions& options, const MonitorRun& run, std::optional<LateFile>& file) -> ExitCode {
  const auto& statistics = *run.statistics();
  if (run.spec().stats) print_error(statistics_text(statistics));
  if (!file) return ExitCode::good;
  if (const auto written = file->write(statistics_json(statistics)); !written) {
    complain(options.stats_file, written.error());
    return ExitCode::usage;
  }
  return ExitCode::good;
}

// The run is over: says all that there is to say about it.
auto tell(const RunOptions& options, const launch::RunReport& report, MonitorRun& run,
          std::optional<LateFile>& stats_file) -> ExitCode {
  tell_of_ending(run.spec(), report);
  if (std::holds_alternative<launch::GuestDied>(report.ending)) {
    // With the symbols of its kernel, if the image has not changed meanwhile.
    print_error(registers_text(*run.death(), run.read_kernel(), options.verbose));
  }
  tell_of_undelivered_output(run.spec(), report);
  return tell_statistics(options, run, stats_file);
}

}  // namespace

auto run_in_monitor(const RunOptions& options, const launch::RunRequest& request, TimeLimit& limit)
    -> OrFailure<ExitCode> {
  const BusErrors bus_errors{end_run_after_bus_error};
  auto stats_file = open_stats_file(options);
  if (!stats_file) return std::unexpected{std::move(stats_file.error())};
  auto run = MonitorRun::prepare(request);
  if (BusErrors::take()) {
    return launch::not_started(options.image, "the file was truncated while it was being read (SIGBUS)");
  }
  if (!run) return std::unexpected{std::move(run.error())};
  // What its owner would find in the memory of a monitor that a guest has taken over.
  close_descriptors(options.kept_descriptors);
  erase_environment();
  limit.begin_run();
  const SignalsEndRun signals{*run, limit};
  auto report = run->run();
  if (!report) return std::unexpected{std::move(report.error())};
  SignalsEndRun::forget_run();
  // The private directory goes with it, before anybody has to read what there is to say.
  run->free_machine();
  if (BusErrors::take()) report->ending = launch::FileTruncated{};
  const auto exit_code = exit_code_of(*report);
  TimeLimit::end_with(exit_code);
  const auto told = tell(options, *report, *run, *stats_file);
  limit.leave();
  return exit_code == ExitCode::good ? told : exit_code;
}

}  // namespace hermitage::cli
