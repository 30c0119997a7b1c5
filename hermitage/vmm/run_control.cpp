#include "hermitage/vmm/run_control.hpp"

#include <cerrno>
#include <limits>
#include <utility>

namespace hermitage::vmm {
namespace {

// Not an int, so it cannot be a parameter of stop().
constexpr auto kTimeIsOver = std::numeric_limits<std::int64_t>::min();

}  // namespace

RunControl::RunControl(Serial& serial, PauseGate& gate, std::function<void()> on_stop, std::function<void()> call_back)
    : serial_{serial}, gate_{gate}, on_stop_{std::move(on_stop)}, call_back_{std::move(call_back)} {}

void RunControl::finish(Ending ending) {
  {
    const std::scoped_lock lock{ending_mutex_};
    if (!ending_) ending_ = std::move(ending);
  }
  is_finished_ = true;
  serial_.end();
  gate_.end();
  call_back_();
}

void RunControl::time_out() noexcept {
  end_from_outside(kTimeIsOver);
}

void RunControl::end_from_outside(std::int64_t reason) noexcept {
  const int error = errno;  // restored for the code that a signal handler has interrupted
  std::int64_t none = 0;
  stop_reason_.compare_exchange_strong(none, reason);
  serial_.abandon();
  gate_.end();
  if (on_stop_) on_stop_();
  call_back_();
  errno = error;
}

auto RunControl::forced_ending() const -> Ending {
  const auto reason = stop_reason_.load();
  if (reason == kTimeIsOver) return TimedOut{};
  return Stopped{static_cast<int>(reason)};
}

auto RunControl::ending_so_far() -> std::optional<Ending> {
  const std::scoped_lock lock{ending_mutex_};
  return ending_;
}

}  // namespace hermitage::vmm
