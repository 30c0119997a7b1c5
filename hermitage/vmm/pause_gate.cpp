#include "hermitage/vmm/pause_gate.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace hermitage::vmm {
namespace {

// How often members that have not stopped yet are called again.
constexpr std::chrono::milliseconds kCallBackInterval{5};

// The gate that this thread is a member of.
thread_local const PauseGate* gate_of_thread = nullptr;

void signal_event(const Descriptor& event) noexcept {
  const int error = errno;  // a signal handler leaves it to the code that it interrupts
  const eventfd_t one = 1;
  [[maybe_unused]] const auto written = ::write(event.get(), &one, sizeof one);
  errno = error;
}

void clear_event(const Descriptor& event) noexcept {
  eventfd_t count = 0;
  [[maybe_unused]] const int outcome = ::eventfd_read(event.get(), &count);
}

// Whether the event is there in time; a signal ends the waiting, too.
auto wait_for_event(const Descriptor& event, int limit_ms) noexcept -> bool {
  pollfd ready{.fd = event.get(), .events = POLLIN, .revents = 0};
  return ::poll(&ready, 1, limit_ms) > 0;
}

}  // namespace

auto PauseGate::make() -> Result<PauseGate> {
  Descriptor open{::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)};
  Descriptor changed{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!open.is_open() || !changed.is_open()) return system_failure("eventfd", errno);
  return PauseGate{std::move(open), std::move(changed)};
}

PauseGate::PauseGate(Descriptor open, Descriptor changed) noexcept
    : open_{std::move(open)}, changed_{std::move(changed)} {}

PauseGate::PauseGate(PauseGate&& other) noexcept : open_{std::move(other.open_)}, changed_{std::move(other.changed_)} {}

void PauseGate::enter() noexcept {
  gate_of_thread = this;
  for (;;) {
    // First the one, then the other: pause() does it the other way round, and one of the two sees the other.
    ++running_count_;
    if (!is_pausing()) return;
    --running_count_;
    signal_event(changed_);
    wait_for_event(open_, -1);
  }
}

void PauseGate::checkpoint() noexcept {
  if (!is_pausing()) return;
  leave();
  enter();
}

void PauseGate::leave() noexcept {
  gate_of_thread = nullptr;
  --running_count_;
  if (is_pausing()) signal_event(changed_);
}

PauseGate::Wait::Wait(PauseGate* gate) noexcept : gate_{gate != nullptr && gate_of_thread == gate ? gate : nullptr} {
  if (gate_ != nullptr) gate_->leave();
}

PauseGate::Wait::~Wait() {
  if (gate_ != nullptr) gate_->enter();
}

auto PauseGate::pause(const CallBack& call_back) -> PauseOutcome {
  const std::scoped_lock lock{mutex_};
  if (pause_count_++ == 0) clear_event(open_);
  // end() may have come between.
  if (is_ended_) signal_event(open_);
  const bool stand = all_stand(call_back);
  if (is_ended_) return PauseOutcome::ended;
  if (stand) return PauseOutcome::paused;
  if (--pause_count_ == 0) signal_event(open_);
  return PauseOutcome::timed_out;
}

auto PauseGate::all_stand(const CallBack& call_back) const -> bool {
  const auto deadline = std::chrono::steady_clock::now() + kLimit;
  for (int round = 0; running_count_ != 0 && !is_ended_; ++round) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    call_back(round);
    if (wait_for_event(changed_, static_cast<int>(std::min(left, kCallBackInterval).count()))) clear_event(changed_);
  }
  return true;
}

void PauseGate::resume() {
  const std::scoped_lock lock{mutex_};
  if (pause_count_ == 0) return;
  if (--pause_count_ == 0) signal_event(open_);
}

void PauseGate::end() noexcept {
  is_ended_ = true;
  signal_event(open_);
}

auto lock_at(PauseGate* gate, std::mutex& mutex) -> std::unique_lock<std::mutex> {
  std::unique_lock lock{mutex, std::try_to_lock};
  if (lock) return lock;
  const PauseGate::Wait wait{gate};
  lock.lock();
  return lock;
}

}  // namespace hermitage::vmm
