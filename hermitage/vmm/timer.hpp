// A timer that interrupts one thread.
#pragma once

#include <chrono>
#include <ctime>
#include <optional>
#include <utility>

#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm {

// Sends the thread that made it a signal, whose handler finds `context` in si_value, and SI_TIMER in si_code: when it
// is set, not before. timer_create(2).
class Timer {
 public:
  // Fails with host_failed.
  [[nodiscard]] static auto make(int signal, void* context) -> Result<Timer>;

  Timer(Timer&& other) noexcept : timer_{std::exchange(other.timer_, std::nullopt)} {}
  auto operator=(Timer&&) -> Timer& = delete;
  ~Timer();

  // Once after this time, or at once when it is not above 0; then, if it repeats, each time after as long again.
  // Replaces what was set before.
  void set(std::chrono::nanoseconds delay, bool repeats) noexcept;

 private:
  explicit Timer(timer_t timer) noexcept : timer_{timer} {}

  std::optional<timer_t> timer_;
};

}  // namespace hermitage::vmm
