// hermitage run in the monitor, on KVM.
#include <atomic>
#include <csignal>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <malloc.h>
#include <unistd.h>

#include "hermitage/cli/bus_errors.hpp"
#include "hermitage/cli/engines.hpp"
#include "hermitage/cli/monitor_report.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/cli/process.hpp"
#include "hermitage/cli/profile_report.hpp"
#include "hermitage/cli/run_report.hpp"
#include "hermitage/cli/timeline_json.hpp"
#include "hermitage/launch/launch_spec.hpp"
#include "hermitage/launch/monitor.hpp"
#include "hermitage/launch/restored.hpp"
#include "hermitage/launch/run_report.hpp"
#include "hermitage/vmm/ending.hpp"
#include "hermitage/vmm/statistics.hpp"

namespace hermitage::cli {
namespace {

using launch::Failure;
using launch::MonitorRun;
using launch::OrFailure;

// The run that a signal ends, and the timers that bound its end.
std::atomic<MonitorRun*> running = nullptr;
std::atomic<TimeLimit*> running_limit = nullptr;

// Writing a core takes longer than the last resort allows.
void end_run_with_core(int signal) {
  if (auto* const run = running.load()) run->stop(signal);
}

void end_run(int signal) {
  if (auto* const limit = running_limit.load())
    limit->end_soon(static_cast<ExitCode>(launch::status_after_signal(signal)));
  if (auto* const run = running.load()) run->stop(signal);
}

void save_run(int /*signal*/) {
  if (auto* const run = running.load()) run->request_snapshot();
}

void end_run_after_bus_error() {
  if (auto* const run = running.load()) run->stop(SIGBUS);
}

// The kernel drops signals without a handler that are sent to process 1, such as the first process of a container,
// which can be stopped with any signal. SIGALRM has a handler already (TimeLimit), and SIGRTMIN interrupts vCPUs.
auto ending_signals() -> std::vector<int> {
  std::vector<int> signals{SIGINT, SIGTERM, SIGHUP};
  if (::getpid() != 1) return signals;
  for (const int signal : {SIGQUIT, SIGUSR1, SIGUSR2, SIGSTKFLT, SIGVTALRM, SIGPROF, SIGXCPU, SIGIO, SIGPWR}) {
    signals.push_back(signal);
  }
  for (int signal = SIGRTMIN + 1; signal <= SIGRTMAX; ++signal) signals.push_back(signal);
  return signals;
}

// While an object of this class exists, the signals above end the guest, and the program cleans up. With a core file,
// SIGQUIT does the same. SIGUSR2 saves a guest that can be saved. Signals about output and files do not kill the
// program.
class SignalsEndRun {
 public:
  SignalsEndRun(MonitorRun& run, TimeLimit& limit, bool can_save) {
    running_limit = &limit;
    running = &run;
    for (const int signal : ending_signals()) handle(signal, end_run);
    if (run.spec().core) handle(SIGQUIT, end_run_with_core);
    if (can_save) handle(SIGUSR2, save_run);
  }
  SignalsEndRun(const SignalsEndRun&) = delete;
  auto operator=(const SignalsEndRun&) -> SignalsEndRun& = delete;
  ~SignalsEndRun() {
    forget_run();
    running_limit = nullptr;
  }

  // The guest has ended; a signal now limits the time to clean up.
  static void forget_run() { running = nullptr; }

 private:
  static void handle(int signal, void (*handler)(int)) {
    struct sigaction action{};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    // A signal that was ignored at the start, as by nohup, stays ignored.
    struct sigaction before{};
    if (::sigaction(signal, nullptr, &before) == 0 && before.sa_handler != SIG_IGN) {
      ::sigaction(signal, &action, nullptr);
    }
  }
};

// A file for the end of the run; none without a path.
auto open_late_file(const std::string& path) -> OrFailure<std::optional<LateFile>> {
  if (path.empty()) return std::nullopt;
  auto opened = LateFile::open(path);
  if (opened) return *std::move(opened);
  return std::unexpected{Failure{.code = Failure::Code::usage, .subject = path, .text = std::move(opened.error())}};
}

auto write_late_file(const std::string& path, std::optional<LateFile>& file, std::string_view text) -> ExitCode {
  if (const auto written = file->write(text); !written) {
    complain(path, written.error());
    return ExitCode::usage;
  }
  return ExitCode::good;
}

auto tell_statistics(const RunOptions& options, const MonitorRun& run, std::optional<LateFile>& file) -> ExitCode {
  const auto& statistics = *run.statistics();
  if (run.spec().stats) print_error(statistics_text(statistics));
  if (!file) return ExitCode::good;
  return write_late_file(options.stats_file, file, statistics_json(statistics));
}

auto tell_timeline(const MonitorRun& run, std::optional<LateFile>& file) -> ExitCode {
  if (!file) return ExitCode::good;
  if (const auto text = dropped_events_text(*run.timeline()); !text.empty()) warn(text);
  return write_late_file(run.spec().timeline, file, timeline_json(*run.timeline(), run.spec().image));
}

auto tell_profile(MonitorRun& run, std::optional<LateFile>& file) -> ExitCode {
  if (!file) return ExitCode::good;
  const auto& profile = *run.profile();
  if (const auto text = lost_samples_text(profile); !text.empty()) warn(text);
  const auto& spec = run.spec();
  const auto named = named_stacks(profile, run.read_kernel());
  return write_late_file(spec.profile, file,
                         profile_file(named.stacks, {.name = spec.image, .rate = profile.rate()}, spec.profile));
}

// Reports the end of the run.
auto tell(const RunOptions& options, const launch::RunReport& report, MonitorRun& run,
          std::optional<LateFile>& stats_file) -> ExitCode {
  tell_of_ending(run.spec(), report);
  if (std::holds_alternative<launch::GuestCrashed>(report.ending)) {
    // With the symbols of the kernel, if the image has not changed since.
    const auto kernel = run.read_kernel();
    print_error(registers_text(*run.crash(), kernel, options.verbose));
    print_error(backtrace_text(*run.crash(), kernel));
    if (options.verbose) print_error(last_hypercalls_text(run.hypercalls()));
  }
  if (const auto* const core = run.core()) complain(run.spec().image, core_text(*core, run.spec().core->path));
  tell_of_undelivered_output(run.spec(), report);
  if (options.snapshot) tell_of_saving(options.snapshot->file, report);
  return tell_statistics(options, run, stats_file);
}

}  // namespace

auto run_in_monitor(const RunOptions& options, launch::RunRequest& request, TimeLimit& limit) -> OrFailure<ExitCode> {
  if (request.source.kind() == launch::KernelSource::Kind::snapshot) {
    if (auto checked = launch::check_snapshot_options(request); !checked) return std::unexpected{checked.error()};
  }
  const BusErrors bus_errors{end_run_after_bus_error};
  // One heap for all threads. To shrink the heap of another thread, glibc opens a file in /proc, for which a filter
  // would kill this process.
  ::mallopt(M_ARENA_MAX, 1);
  auto stats_file = open_late_file(options.stats_file);
  if (!stats_file) return std::unexpected{std::move(stats_file.error())};
  const auto merged = launch::merged(request.sources);
  auto timeline_file = open_late_file(merged.timeline.value_or(""));
  if (!timeline_file) return std::unexpected{std::move(timeline_file.error())};
  auto profile_file = open_late_file(merged.profile.value_or(""));
  if (!profile_file) return std::unexpected{std::move(profile_file.error())};
  request.callbacks.show_statistics = statistics_text;
  request.callbacks.show_hypercalls = last_hypercalls_text;
  auto run = MonitorRun::prepare(request);
  if (BusErrors::take()) {
    return launch::not_started(options.image, "the file was truncated while it was being read (SIGBUS)");
  }
  if (!run) return std::unexpected{std::move(run.error())};
  // A guest that has taken over the monitor must not find the environment in its memory.
  close_descriptors(options.kept_descriptors);
  erase_environment();
  limit.begin_run();
  const SignalsEndRun signals{*run, limit, options.snapshot.has_value()};
  auto report = run->run();
  if (!report) return std::unexpected{std::move(report.error())};
  SignalsEndRun::forget_run();
  // Removes the private directory before messages are printed, since their reader may be slow.
  run->free_machine();
  if (BusErrors::take()) report->ending = launch::FileTruncated{};
  const auto exit_code = options.snapshot ? exit_code_after_saving(*report) : exit_code_of(*report);
  TimeLimit::end_with(exit_code);
  auto told = tell(options, *report, *run, *stats_file);
  // Writing the requested files can take longer than the last resort permits.
  limit.leave();
  if (const auto written = tell_timeline(*run, *timeline_file); told == ExitCode::good) told = written;
  if (const auto written = tell_profile(*run, *profile_file); told == ExitCode::good) told = written;
  return exit_code == ExitCode::good ? told : exit_code;
}

}  // namespace hermitage::cli
