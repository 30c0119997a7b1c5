#include "hermitage/vmm/snapshot/saver.hpp"

#include <algorithm>
#include <climits>
#include <utility>

#include <poll.h>

namespace hermitage::vmm::snapshot {

using std::chrono::milliseconds;

auto OutputSearch::is_found_in(std::string_view piece) -> bool {
  if (text_.empty()) return false;
  last_.append(piece);
  const bool is_found = last_.contains(text_);
  if (last_.size() >= text_.size()) last_.erase(0, last_.size() - (text_.size() - 1));
  return is_found;
}

auto Saver::make(const SnapshotOptions& options) -> Result<std::unique_ptr<Saver>> {
  auto event = Event::make();
  if (!event) return std::unexpected{event.error()};
  return std::unique_ptr<Saver>{new Saver{options, std::move(*event)}};
}

Saver::Saver(const SnapshotOptions& options, Event event)
    : search_{options.when_output}, when_idle_{options.when_idle}, after_{options.after}, event_{std::move(event)} {}

void Saver::on_output(std::string_view output) {
  if (search_.is_found_in(output)) request();
}

void Saver::request() noexcept {
  is_requested_ = true;
  event_.signal();
}

void Saver::run(const Guest& guest) {
  const auto start = Clock::now();
  if (after_) due_at_ = start + std::min<Clock::duration>(*after_, Clock::time_point::max() - start);
  idle_since_ = start;
  while (!guest.is_stopping()) {
    const auto now = Clock::now();
    if (is_due(now) || is_idle(now, guest)) {
      outcome_ = guest.save();
      return;
    }
    pollfd ready{.fd = event_.descriptor(), .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, wait_limit(now)) > 0) event_.clear();
  }
}

auto Saver::is_due(Clock::time_point now) const -> bool {
  return is_requested_ || (due_at_ && now >= *due_at_);
}

auto Saver::is_idle(Clock::time_point now, const Guest& guest) -> bool {
  if (!when_idle_ || now < idle_since_ + kIdleTime) return false;
  const auto before = std::exchange(cpu_time_, guest.cpu_time());
  idle_since_ = now;
  return cpu_time_ > std::chrono::nanoseconds{} && cpu_time_ - before < kIdleWork;
}

// In milliseconds, or -1.
auto Saver::wait_limit(Clock::time_point now) const -> int {
  auto next = due_at_.value_or(Clock::time_point::max());
  if (when_idle_) next = std::min(next, idle_since_ + kIdleTime);
  if (next == Clock::time_point::max()) return -1;
  const auto left = std::chrono::ceil<milliseconds>(next - now).count();
  return static_cast<int>(std::clamp<milliseconds::rep>(left, 0, INT_MAX));
}

}  // namespace hermitage::vmm::snapshot
