// Records what one vCPU does.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "hermitage/vmm/observe/histogram.hpp"

namespace hermitage::vmm::observe {

// How long the monitor handles each kind of exit.
class ExitTimes {
 public:
  struct Kind {
    const char* name;  // a string literal; two kinds can have equal names at different addresses
    std::unique_ptr<Histogram> times;
  };

  void add(const char* name, std::chrono::nanoseconds time);

  [[nodiscard]] auto kinds() const noexcept -> std::span<const Kind> { return kinds_; }

 private:
  std::vector<Kind> kinds_;
};

// Only the thread of the vCPU uses it while the guest runs. After that, any other thread can.
class VcpuObserver {
 public:
  using Clock = std::chrono::steady_clock;

  // The vCPU has left the guest.
  void left_guest() noexcept { left_at_ = Clock::now(); }
  // The exit has been handled. `name` is that of its kind in statistics, a string literal.
  void handled(const char* name) { times_.add(name, Clock::now() - left_at_); }

  [[nodiscard]] auto times() const noexcept -> const ExitTimes& { return times_; }

 private:
  Clock::time_point left_at_;
  ExitTimes times_;
};

}  // namespace hermitage::vmm::observe
