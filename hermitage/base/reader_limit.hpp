// How long a writer waits for a slow reader.
#pragma once

#include <atomic>
#include <chrono>

namespace hermitage::base {

// For ever, until a limit is set. Every function may be called from any thread, and set() from a signal handler.
class ReaderLimit {
 public:
  // From now on, waiting ends after this time. The first call counts.
  void set(std::chrono::milliseconds grace) noexcept;

  // Waits until the descriptor, a pipe for example, takes output. False once the limit is over. A thread that waits
  // while the limit is set notices when a signal interrupts it, or when `wakeup`, another descriptor, becomes readable.
  [[nodiscard]] auto wait(int descriptor, int wakeup = -1) const noexcept -> bool;

 private:
  using Clock = std::chrono::steady_clock;

  std::atomic<Clock::duration> end_ = Clock::duration::max();  // since the clock's epoch; max: there is no limit
};

// A pipe that poll(2) calls writable takes this many bytes without waiting: PIPE_BUF.
inline constexpr unsigned kWriteSize = 4096;

}  // namespace hermitage::base
