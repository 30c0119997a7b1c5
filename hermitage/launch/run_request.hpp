// The input of an engine: what to run, until when, and callbacks for messages.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/image/config.hpp"
#include "hermitage/image/image.hpp"
#include "hermitage/launch/failure.hpp"
#include "hermitage/launch/kernel_source.hpp"
#include "hermitage/launch/launch_spec.hpp"

namespace hermitage::vmm {
struct Statistics;  // hermitage/vmm/statistics.hpp
}  // namespace hermitage::vmm

namespace hermitage::launch {

// Callbacks for messages of a run. Each may be empty. Messages may contain names from files, which a program must
// escape before it prints them on a terminal.
struct RunCallbacks {
  // Called with a warning, without a newline, about the launch, the image or the guest, which continues.
  std::function<void(std::string_view line)> warn = {};
  // Called with other messages while the guest runs, and the file that they are about, which may be empty. Only in
  // QEMU: why the guest runs there, messages of QEMU, and hints about missing output.
  std::function<void(std::string_view subject, std::string_view message)> tell = {};
  // Only in the monitor: called with each hypercall as a line, if RunRequest::traces is set or a debugger turned it on.
  std::function<void(std::string_view line)> trace = {};
  // Only in the monitor: called when the run is stopped. See vmm::MachineOptions, also for `warn` and `trace`, which
  // the threads of vCPUs call.
  std::function<void()> on_stop = {};
  // Only in the monitor: the text of answers to LaunchSpec::control. See vmm::ControlOptions.
  std::function<std::string(const vmm::Statistics&)> show_statistics = {};
  std::function<std::string(std::span<const std::vector<std::string>>)> show_hypercalls = {};
  // Only in QEMU: the progress of reading a packed image.
  image::Progress progress = {};
};

// Save the guest to a file while it runs. The first condition that becomes true counts.
struct SnapshotRequest {
  std::string file = {};                               // replaced when the snapshot is complete
  std::string when_output = {};                        // the guest has written this; empty: no condition
  bool when_idle = false;                              // the guest does nothing; see vmm::SnapshotOptions
  std::optional<std::chrono::nanoseconds> after = {};  // from the start of the guest
  bool continues = false;                              // the guest continues
};

struct RunRequest {
  using Clock = std::chrono::steady_clock;

  std::string image;      // its name as given
  LaunchSources sources;  // without the image's configuration
  KernelSource source;
  std::optional<Clock::time_point> deadline = {};  // when the run is stopped
  RunCallbacks callbacks = {};
  std::optional<Clock::time_point> started_at = {};  // the start of the program, for a timeline
  bool traces = true;                                // RunCallbacks::trace is called from the start
  bool times_hypercalls = false;                     // for the statistics, also without --stats; only in the monitor
  std::optional<SnapshotRequest> snapshot = {};      // only in the monitor

  // Merges all sources and the configuration of an image. Reports warnings.
  [[nodiscard]] auto spec(const image::Config& config) const -> OrFailure<LaunchSpec>;

  void warn(std::string_view line) const {
    if (callbacks.warn) callbacks.warn(line);
  }
};

// `start` plus the timeout, or the maximum time.
[[nodiscard]] auto time_after(RunRequest::Clock::time_point start, std::chrono::nanoseconds timeout)
    -> RunRequest::Clock::time_point;

// The time from now to the deadline, not below 0.
[[nodiscard]] auto time_until(std::optional<RunRequest::Clock::time_point> deadline)
    -> std::optional<std::chrono::nanoseconds>;

}  // namespace hermitage::launch
