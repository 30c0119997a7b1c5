// What an engine is given: what is to be run, until when, and who hears of it.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "hermitage/image/config.hpp"
#include "hermitage/image/image.hpp"
#include "hermitage/launch/failure.hpp"
#include "hermitage/launch/kernel_source.hpp"
#include "hermitage/launch/launch_spec.hpp"

namespace hermitage::launch {

// What a run says. Each may be empty. Names in the lines come from files: whoever writes to a terminal escapes them.
struct RunCallbacks {
  // Gets a line, without its end, about what is odd about the launch, the image or the guest, which goes on.
  std::function<void(std::string_view line)> warn = {};
  // Gets what else a user is to know while the guest runs, with the file that it is about, which may be empty. In QEMU
  // only: why the guest runs there, what QEMU says itself, and what silence of the guest may mean.
  std::function<void(std::string_view subject, std::string_view message)> tell = {};
  // In the monitor only: gets each hypercall as a line.
  std::function<void(std::string_view line)> trace = {};
  // In the monitor only: the run is ended from outside. See vmm::MachineOptions, for `warn` and `trace`, too: vCPUs
  // call them from their threads.
  std::function<void()> on_stop = {};
  // In QEMU only: how far a packed image has been read.
  image::Progress progress = {};
};

struct RunRequest {
  using Clock = std::chrono::steady_clock;

  std::string image;      // the name that it was given
  LaunchSources sources;  // without the image's configuration
  KernelSource source;
  std::optional<Clock::time_point> deadline = {};  // when the run is ended
  RunCallbacks callbacks = {};

  // What all sources and an image's configuration say together. Warns of what is odd about it.
  [[nodiscard]] auto spec(const image::Config& config) const -> OrFailure<LaunchSpec>;

  void warn(std::string_view line) const {
    if (callbacks.warn) callbacks.warn(line);
  }
};

// `start` and the timeout, or the last time there is.
[[nodiscard]] auto time_after(RunRequest::Clock::time_point start, std::chrono::nanoseconds timeout)
    -> RunRequest::Clock::time_point;

// The time from now to the deadline, not below 0.
[[nodiscard]] auto time_until(std::optional<RunRequest::Clock::time_point> deadline)
    -> std::optional<std::chrono::nanoseconds>;

}  // namespace hermitage::launch
