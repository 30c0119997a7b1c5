// A timer that interrupts one thread.
#pragma once

#include <chrono>
#include <ctime>
#include <expected>
#include <optional>
#include <utility>

#include "hermitage/entry/compiler.hpp"

namespace hermitage::base {

// Once set, sends a signal to the thread that created it. The handler finds `context` in si_value, and SI_TIMER in
// si_code. See timer_create(2).
class Timer {
 public:
  // Fails with an error number.
  [[nodiscard]] static auto make(int signal, void* context) -> std::expected<Timer, int>;

  Timer(Timer&& other) noexcept : timer_{std::exchange(other.timer_, std::nullopt)} {}
  auto operator=(Timer&&) -> Timer& = delete;
  ~Timer();

  // Expires once after `delay`, or immediately if that is not above 0. Replaces an earlier setting. Signal handlers may
  // call it, including the timer's own, to set it again; the thread then always makes progress between two signals.
  void set(std::chrono::nanoseconds delay) noexcept;

 private:
  explicit Timer(timer_t timer) noexcept : timer_{timer} {}

  std::optional<timer_t> timer_;
};

}  // namespace hermitage::base
