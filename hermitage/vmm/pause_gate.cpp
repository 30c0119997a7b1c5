#include "hermitage/vmm/pause_gate.hpp"

#include <algorithm>
#include <utility>

#include <poll.h>

namespace hermitage::vmm {
namespace {

// The interval between calls for members that have not stopped yet.
constexpr std::chrono::milliseconds kRetryInterval{5};

// The gate of which this thread is a member.
thread_local const PauseGate* gate_of_thread = nullptr;

// Whether the event is signaled within the limit. A signal ends the wait, too.
auto wait_for(const Event& event, int limit_ms) noexcept -> bool {
  pollfd ready{.fd = event.descriptor(), .events = POLLIN, .revents = 0};
  return ::poll(&ready, 1, limit_ms) > 0;
}

}  // namespace

auto PauseGate::make() -> Result<PauseGate> {
  auto open = Event::make();
  if (!open) return std::unexpected{open.error()};
  open->signal();
  auto changed = Event::make();
  if (!changed) return std::unexpected{changed.error()};
  return PauseGate{std::move(*open), std::move(*changed)};
}

PauseGate::PauseGate(Event open, Event changed) noexcept : open_{std::move(open)}, changed_{std::move(changed)} {}

PauseGate::PauseGate(PauseGate&& other) noexcept : open_{std::move(other.open_)}, changed_{std::move(other.changed_)} {}

void PauseGate::enter() noexcept {
  gate_of_thread = this;
  for (;;) {
    // Count first, then check. pause() uses the reverse order, so at least one of them sees the other.
    ++running_count_;
    if (!is_pausing()) return;
    --running_count_;
    changed_.signal();
    wait_for(open_, -1);
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
  if (is_pausing()) changed_.signal();
}

PauseGate::Wait::Wait(PauseGate* gate, Effect effect) noexcept
    : gate_{gate != nullptr && gate_of_thread == gate ? gate : nullptr}, effect_{effect} {
  if (gate_ == nullptr) return;
  if (effect_ == Effect::none) ++gate_->repeatable_count_;
  gate_->leave();
}

PauseGate::Wait::~Wait() {
  if (gate_ == nullptr) return;
  gate_->enter();
  if (effect_ == Effect::none) --gate_->repeatable_count_;
}

auto PauseGate::pause(const CallBack& call_back) -> PauseOutcome {
  const std::scoped_lock lock{mutex_};
  if (pause_count_++ == 0) open_.clear();
  // end() may have been called in between.
  if (is_ended_) open_.signal();
  const bool paused = all_are_paused(call_back);
  if (is_ended_) return PauseOutcome::ended;
  if (paused) return PauseOutcome::paused;
  if (--pause_count_ == 0) open_.signal();
  return PauseOutcome::timed_out;
}

auto PauseGate::all_are_paused(const CallBack& call_back) const -> bool {
  const auto deadline = std::chrono::steady_clock::now() + kLimit;
  for (int round = 0; running_count_ != 0 && !is_ended_; ++round) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    call_back(round);
    if (wait_for(changed_, static_cast<int>(std::min(left, kRetryInterval).count()))) changed_.clear();
  }
  return true;
}

void PauseGate::resume() {
  const std::scoped_lock lock{mutex_};
  if (pause_count_ == 0) return;
  if (--pause_count_ == 0) open_.signal();
}

void PauseGate::end() noexcept {
  is_ended_ = true;
  open_.signal();
}

auto lock_at(PauseGate* gate, std::mutex& mutex, PauseGate::Wait::Effect effect) -> std::unique_lock<std::mutex> {
  std::unique_lock lock{mutex, std::try_to_lock};
  if (lock) return lock;
  const PauseGate::Wait wait{gate, effect};
  lock.lock();
  return lock;
}

}  // namespace hermitage::vmm
