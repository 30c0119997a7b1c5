#include "hermitage/base/timer.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>

#include <unistd.h>

namespace hermitage::base {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

auto timespec_of(nanoseconds time) -> timespec {
  const auto whole = std::chrono::duration_cast<seconds>(time);
  return {.tv_sec = whole.count(), .tv_nsec = (time - whole).count()};
}

}  // namespace

auto Timer::make(int signal, void* context) -> std::expected<Timer, int> {
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = signal;
  event.sigev_value.sival_ptr = context;
  event._sigev_un._tid = ::gettid();  // glibc before 2.38 has no other name for it
  timer_t timer{};
  if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) return std::unexpected{errno};
  return Timer{timer};
}

Timer::~Timer() {
  if (timer_) ::timer_delete(*timer_);
}

void Timer::set(nanoseconds delay) noexcept {
  const itimerspec times{.it_interval = {}, .it_value = timespec_of(std::max(delay, nanoseconds{1}))};
  ::timer_settime(*timer_, 0, &times, nullptr);
}

}  // namespace hermitage::base
