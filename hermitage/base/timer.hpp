// A timer that interrupts one thread.
#pragma once

#include <chrono>
#include <ctime>
#include <expected>
#include <optional>
#include <utility>

namespace hermitage::base {

// Sends the thread that made it a signal, whose handler finds `context` in si_value, and SI_TIMER in si_code: when it
// is set, not before. timer_create(2).
class Timer {
 public:
  // Fails with the system's error number.
  [[nodiscard]] static auto make(int signal, void* context) -> std::expected<Timer, int>;

  Timer(Timer&& other) noexcept : timer_{std::exchange(other.timer_, std::nullopt)} {}
  auto operator=(Timer&&) -> Timer& = delete;
  ~Timer();

  // Once after `delay`, or at once when it is not above 0. Replaces what was set before. A signal handler may call it:
  // so may the timer's own, to come again. The thread then gets on between two signals, however slow it is.
  void set(std::chrono::nanoseconds delay) noexcept;

 private:
  explicit Timer(timer_t timer) noexcept : timer_{timer} {}

  std::optional<timer_t> timer_;
};

}  // namespace hermitage::base
