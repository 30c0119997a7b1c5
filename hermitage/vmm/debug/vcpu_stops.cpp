#include "hermitage/vmm/debug/vcpu_stops.hpp"

#include <utility>

#include <poll.h>

namespace hermitage::vmm::debug {

auto VcpuStops::make(unsigned vcpus) -> Result<std::unique_ptr<VcpuStops>> {
  auto reported = Event::make();
  if (!reported) return std::unexpected{reported.error()};
  std::unique_ptr<VcpuStops> stops{new VcpuStops{std::move(*reported)}};
  for (unsigned vcpu = 0; vcpu < vcpus; ++vcpu) {
    auto released = Event::make();
    if (!released) return std::unexpected{released.error()};
    stops->places_.push_back(std::make_unique<Place>(std::move(*released)));
  }
  return stops;
}

void VcpuStops::report(const Report& report) {
  hold(report.vcpu);
  {
    const std::scoped_lock lock{mutex_};
    reports_.push_back(report);
  }
  reported_.signal();
}

void VcpuStops::report_death(unsigned vcpu) {
  if (is_attached_) report({.vcpu = vcpu, .is_crash = true});
}

void VcpuStops::stand_while_held(unsigned vcpu, PauseGate& gate, const std::function<bool()>& is_stopping) {
  const auto& place = *places_[vcpu];
  if (!place.is_held) return;
  const PauseGate::Wait wait{&gate};
  while (place.is_held && !is_stopping()) {
    pollfd released{.fd = place.released.descriptor(), .events = POLLIN, .revents = 0};
    ::poll(&released, 1, -1);
  }
}

void VcpuStops::hold(unsigned vcpu) {
  auto& place = *places_[vcpu];
  place.released.clear();
  place.is_held = true;
}

void VcpuStops::release(unsigned vcpu) {
  auto& place = *places_[vcpu];
  place.is_held = false;
  place.released.signal();
}

auto VcpuStops::take_reports() -> std::vector<Report> {
  reported_.clear();
  const std::scoped_lock lock{mutex_};
  return std::exchange(reports_, {});
}

auto VcpuStops::descriptors() const -> std::vector<int> {
  std::vector<int> result{reported_.descriptor()};
  for (const auto& place : places_) result.push_back(place->released.descriptor());
  return result;
}

}  // namespace hermitage::vmm::debug
