// hermitage run in QEMU.
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "hermitage/cli/engines.hpp"
#include "hermitage/cli/options.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/cli/progress.hpp"
#include "hermitage/cli/run_report.hpp"
#include "hermitage/launch/in_qemu.hpp"

namespace hermitage::cli {
namespace {

// The name of a given option of this program that only the monitor supports; null: none.
auto option_for_monitor(const RunOptions& options) -> const char* {
  if (!options.stats_file.empty()) return "--stats-file";
  if (options.trace) return "--trace";
  return options.verbose ? "--verbose" : nullptr;
}

// Draws a progress bar while a packed image is read. A warning erases it.
void show_progress(launch::RunRequest& request, std::optional<ProgressBar>& bar) {
  if (request.source.kind() != launch::KernelSource::Kind::image) return;
  bar.emplace(request.source.path());
  request.callbacks.progress = [&bar](std::uint64_t done, std::uint64_t total) {
    if (bar) (*bar)(done, total);
  };
  request.callbacks.warn = [&bar](std::string_view line) {
    bar.reset();
    warn(line);
  };
}

}  // namespace

auto run_in_qemu(const RunOptions& options, launch::RunRequest& request, TimeLimit& limit, const QemuReason& reason)
    -> launch::OrFailure<ExitCode> {
  std::optional<ProgressBar> bar;
  show_progress(request, bar);
  auto run = launch::QemuRun::prepare(request, {.reason = reason.sentence,
                                                .monitor_has_tried = reason.monitor_has_tried,
                                                .is_dry = options.dry_run,
                                                .refused = option_for_monitor(options),
                                                .kept_descriptors = options.kept_descriptors});
  bar.reset();
  if (!run) return std::unexpected{std::move(run.error())};
  if (options.dry_run) return print_or_complain(run->shell_text() + "\n");
  if (auto opened = run->open(); !opened) return std::unexpected{std::move(opened.error())};
  // From here on, the supervisor enforces the limit. It handles signals between two messages, so it must not wait for
  // the reader of messages.
  limit.leave();
  hurry_errors();
  const auto report = run->run();
  if (!report) return std::unexpected{report.error()};
  tell_of_ending(run->spec(), *report);
  tell_of_undelivered_output(run->spec(), *report);
  return exit_code_of(*report);
}

}  // namespace hermitage::cli
