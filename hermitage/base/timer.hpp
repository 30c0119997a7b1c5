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

  // Once after `delay`, or at once when it is not above 0, and then every `interval`; 0: never again. Replaces what was
  // set before. A signal handler may call it.
  void set(std::chrono::nanoseconds delay, std::chrono::nanoseconds interval) noexcept;

 private:
  explicit Timer(timer_t timer) noexcept : timer_{timer} {}

  std::optional<timer_t> timer_;
};

}  // namespace hermitage::base
