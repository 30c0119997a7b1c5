#include "hermitage/vmm/observe/timeline.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace hermitage::vmm::observe {

void TimelineEvent::set_detail(std::string_view text) noexcept {
  detail_size = static_cast<std::uint8_t>(std::min(text.size(), kDetail));
  std::ranges::copy(text.substr(0, detail_size), detail.begin());
}

TimelineTrack::TimelineTrack(std::string name, std::size_t capacity) : name_{std::move(name)}, capacity_{capacity} {
  events_.reserve(capacity);
}

void TimelineTrack::add(const TimelineEvent& event) noexcept {
  if (events_.size() < capacity_) {
    events_.push_back(event);
    return;
  }
  events_[oldest_] = event;
  oldest_ = (oldest_ + 1) % capacity_;
  ++dropped_;
}

Timeline::Timeline(std::size_t capacity)
    : capacity_{capacity}, phases_{"monitor", capacity}, output_{"output", capacity}, network_{"network", capacity} {}

auto Timeline::add_vcpu(std::size_t number) -> TimelineTrack& {
  return *vcpus_.emplace_back(std::make_unique<TimelineTrack>(fmt::format("vCPU {}", number), capacity_));
}

auto Timeline::tracks() const -> std::vector<const TimelineTrack*> {
  std::vector<const TimelineTrack*> all{&phases_};
  for (const auto& vcpu : vcpus_) all.push_back(vcpu.get());
  all.push_back(&output_);
  all.push_back(&network_);
  return all;
}

Phase::Phase(Timeline* timeline, const char* name) noexcept : timeline_{timeline}, name_{name} {
  if (timeline_ != nullptr) begin_ = Timeline::Clock::now();
}

Phase::~Phase() {
  if (timeline_ == nullptr) return;
  TimelineEvent event;
  event.begin = begin_;
  event.duration = Timeline::Clock::now() - begin_;
  event.name = name_;
  timeline_->phases().add(event);
}

void add_lines(TimelineTrack& track, std::string_view output) {
  TimelineEvent event;
  event.begin = Timeline::Clock::now();
  event.name = "output";
  event.kind = TimelineEvent::Kind::instant;
  while (!output.empty()) {
    const auto end = std::min(output.find('\n'), output.size());
    event.set_detail(output.substr(0, end));
    track.add(event);
    output.remove_prefix(std::min(end + 1, output.size()));
  }
}

}  // namespace hermitage::vmm::observe
