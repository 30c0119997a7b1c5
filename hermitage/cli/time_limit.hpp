// --timeout, from the start of the program on, and the last resort that keeps it.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>

#include "hermitage/base/timer.hpp"
#include "hermitage/cli/command.hpp"

namespace hermitage::cli {

// Ends the process at its limit, whatever it does: while it still prepares the guest, at the limit; once the guest
// runs, and the machine ends itself, kLastResort after it. Then nothing is cleaned up, as after SIGKILL: a thread is
// stuck in the kernel, the host is too busy, or the reader of an error message does not read.
//
// There can be one at a time. SIGALRM is its signal.
class TimeLimit {
 public:
  static constexpr std::chrono::milliseconds kLastResort{280};

  // `limit` is counted from process_start(); none: only end_soon() sets one. `subject` is for the message. Without a
  // timer there is no last resort.
  TimeLimit(std::optional<std::chrono::nanoseconds> limit, const std::string& subject);
  TimeLimit(const TimeLimit&) = delete;
  auto operator=(const TimeLimit&) -> TimeLimit& = delete;
  ~TimeLimit();

  [[nodiscard]] auto end() const -> std::optional<std::chrono::steady_clock::time_point> { return end_at_; }

  // The guest is about to run, in a machine that keeps the limit; this is the last resort from now on.
  void begin_run() noexcept;

  // The guest has ended so, and what is left to do must not change that.
  static void end_with(ExitCode status) noexcept;

  // Another process is to run the guest, and its supervisor keeps the limit: no last resort.
  void leave() noexcept;

  // The guest is being ended from outside, and the process ends with this status kLastResort from now if it does not by
  // itself. A signal handler may call it. The first call counts.
  void end_soon(ExitCode status) noexcept;

 private:
  std::optional<std::chrono::steady_clock::time_point> end_at_;
  std::optional<base::Timer> timer_;
  std::atomic<bool> is_ending_ = false;
};

}  // namespace hermitage::cli
