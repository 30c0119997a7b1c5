#include "hermitage/vmm/observe/vcpu_observer.hpp"

#include <algorithm>

namespace hermitage::vmm::observe {
namespace {

thread_local VcpuObserver* observer_of_thread = nullptr;

}  // namespace

void ExitTimes::add(const char* name, std::chrono::nanoseconds time) {
  const auto known = std::ranges::find(kinds_, name, &Kind::name);
  if (known != kinds_.end()) return known->times->add(time);
  kinds_.push_back({.name = name, .times = std::make_unique<Histogram>()});
  kinds_.back().times->add(time);
}

void VcpuObserver::begin_thread() noexcept {
  observer_of_thread = this;
  if (sampler_) sampler_->begin();
}

auto VcpuObserver::of_this_thread() noexcept -> VcpuObserver* {
  return observer_of_thread;
}

void VcpuObserver::accesses(std::uint64_t address, std::size_t size, bool is_write) noexcept {
  event_.address = address;
  event_.access_size = static_cast<std::uint8_t>(size);
  event_.is_write = is_write;
}

void VcpuObserver::handled(const char* kind) {
  const auto end = Clock::now();
  event_.duration = end - event_.begin;
  event_.name = kind;
  if (has_times_) times_.add(kind, event_.duration);
  if (track_ != nullptr) track_->add(event_);
  if (sampler_) sampler_->note_exit(kind, event_.begin, end);
  event_.access_size = 0;
  event_.detail_size = 0;
}

}  // namespace hermitage::vmm::observe
