// The limit on waiting for a slow reader of output.
#pragma once

#include <atomic>
#include <chrono>

namespace hermitage::base {

// There is no limit until set(). Any thread may call any function, and a signal handler may call set().
class ReaderLimit {
 public:
  // From now on, all waiting ends after this time in total. Only the first call has an effect.
  void set(std::chrono::milliseconds grace) noexcept;

  // Waits until the descriptor, such as a pipe, accepts output. Returns false after the limit. A thread that already
  // waits when the limit is set notices it when a signal interrupts it, or when the descriptor `wakeup` becomes
  // readable.
  [[nodiscard]] auto wait(int descriptor, int wakeup = -1) const noexcept -> bool;

 private:
  using Clock = std::chrono::steady_clock;

  std::atomic<Clock::duration> end_ = Clock::duration::max();  // since the clock's epoch; max: no limit
};

// A pipe that poll(2) reports as writable accepts this many bytes without blocking: PIPE_BUF.
inline constexpr unsigned kWriteSize = 4096;

}  // namespace hermitage::base
