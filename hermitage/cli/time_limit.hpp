// --timeout, counted from the start of the program, and a last resort that enforces it.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>

#include "hermitage/base/timer.hpp"
#include "hermitage/cli/command.hpp"

namespace hermitage::cli {

// Ends the process at its limit unconditionally. While the guest is being prepared, this happens at the limit. While
// the guest runs, the machine enforces the limit itself, and this happens kLastResort later, without cleanup, as with
// SIGKILL: a thread is stuck in the kernel, the host is too busy, or the reader of an error message does not read.
//
// At most one object can exist. It uses SIGALRM.
class TimeLimit {
 public:
  static constexpr std::chrono::milliseconds kLastResort{280};

  // `limit` counts from process_start(); without one, only end_soon() sets a limit. `subject` is for the message. If no
  // timer can be created, there is no last resort.
  TimeLimit(std::optional<std::chrono::nanoseconds> limit, const std::string& subject);
  TimeLimit(const TimeLimit&) = delete;
  auto operator=(const TimeLimit&) -> TimeLimit& = delete;
  ~TimeLimit();

  [[nodiscard]] auto end() const -> std::optional<std::chrono::steady_clock::time_point> { return end_at_; }

  // The guest is about to run in a machine that enforces the limit; from now on, this is only the last resort.
  void begin_run() noexcept;

  // The guest has ended with this status, which the remaining work must not change.
  static void end_with(ExitCode status) noexcept;

  // Another process runs the guest, and its supervisor enforces the limit: no last resort.
  void leave() noexcept;

  // The guest is being stopped. The process ends with this status after kLastResort, unless it ends earlier. A signal
  // handler may call it. Only the first call has an effect.
  void end_soon(ExitCode status) noexcept;

 private:
  std::optional<std::chrono::steady_clock::time_point> end_at_;
  std::optional<base::Timer> timer_;
  std::atomic<bool> is_ending_ = false;
};

}  // namespace hermitage::cli
