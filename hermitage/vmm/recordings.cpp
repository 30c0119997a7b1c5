#include "hermitage/vmm/recordings.hpp"

#include <cstdint>
#include <string_view>
#include <utility>

#include "hermitage/entry/elf.hpp"
#include "hermitage/vmm/hypercalls/hypercalls.hpp"
#include "hermitage/vmm/observe/histogram.hpp"
#include "hermitage/vmm/observe/observed_backend.hpp"
#include "hermitage/vmm/observe/profile.hpp"
#include "hermitage/vmm/observe/stack_sampler.hpp"

namespace hermitage::vmm {

void add_trace_switch(MachineOptions& options) {
  if (!options.debug || !options.trace) return;
  options.trace = [traces = options.debug->traces, next = std::move(options.trace)](std::string_view line) {
    if (*traces) next(line);
  };
}

void add_timeline(MachineOptions& options) {
  if (!options.timeline) return;
  options.trace = [next = std::move(options.trace)](std::string_view line) {
    if (auto* const observer = observe::VcpuObserver::of_this_thread(); observer != nullptr) observer->describe(line);
    if (next) next(line);
  };
  options.on_output = [timeline = options.timeline, next = std::move(options.on_output)](std::string_view output) {
    observe::add_lines(timeline->output(), output);
    if (next) next(output);
  };
  if (!options.network) return;
  auto& backend = options.network->backend;
  backend = std::make_unique<observe::ObservedBackend>(std::move(backend), options.timeline->network());
}

auto code_of(const entry::KernelObject& kernel, const arch::MemoryLayout& layout) -> std::vector<observe::CodeRange> {
  constexpr std::uint32_t kExecutable = 1;  // PF_X
  std::vector<observe::CodeRange> code;
  for (const auto segment : kernel.segments()) {
    if (segment.type != entry::elf::kSegmentLoad || (segment.flags & kExecutable) == 0) continue;
    const auto start = layout.kernel.start.value + kernel.memory_offset(segment);
    code.push_back({.start = start, .end = start + segment.memsz});
  }
  return code;
}

auto observe_vcpus(const MachineOptions& options, const GuestMemory& memory,
                   const std::vector<observe::CodeRange>& code, std::span<const std::unique_ptr<Vcpu>> vcpus)
    -> std::vector<std::unique_ptr<observe::VcpuObserver>> {
  std::vector<std::unique_ptr<observe::VcpuObserver>> observers;
  auto* const timeline = options.timeline.get();
  auto* const profile = options.profile.get();
  if (!options.times_hypercalls && timeline == nullptr && profile == nullptr) return observers;
  for (const auto& vcpu : vcpus) {
    auto* const track = timeline == nullptr ? nullptr : &timeline->add_vcpu(vcpu->number());
    auto sampler = profile == nullptr
                       ? nullptr
                       : std::make_unique<observe::StackSampler>(memory, code, profile->rate(), profile->add_vcpu());
    vcpu->set_observer(*observers.emplace_back(
        std::make_unique<observe::VcpuObserver>(options.times_hypercalls, track, std::move(sampler))));
  }
  return observers;
}

auto hypercall_times(std::span<const std::unique_ptr<observe::VcpuObserver>> observers)
    -> std::map<std::string, HypercallTimes> {
  std::map<std::string, observe::Histogram> merged;
  for (const auto& observer : observers) {
    for (const auto& [name, times] : observer->times().kinds()) {
      const std::string_view kind{name};
      if (!kind.starts_with(Hypercalls::kExitPrefix)) continue;
      merged[std::string{kind.substr(Hypercalls::kExitPrefix.size())}].add(*times);
    }
  }
  std::map<std::string, HypercallTimes> result;
  for (const auto& [name, times] : merged) {
    result[name] = {.count = times.count(),
                    .median = times.quantile(0.5),
                    .percentile_99 = times.quantile(0.99),
                    .total = times.total()};
  }
  return result;
}

void add_run(observe::Timeline& timeline, const RunTimes& times) {
  const auto add = [&timeline](const char* name, observe::Timeline::Clock::time_point from,
                               observe::Timeline::Clock::time_point to) {
    observe::TimelineEvent event;
    event.name = name;
    event.begin = from;
    event.duration = to - from;
    timeline.phases().add(event);
  };
  add("isolate and start threads", times.begin, times.entered_at);
  add("run the guest", times.entered_at, times.ended_at);
  add("deliver output", times.ended_at, observe::Timeline::Clock::now());
}

}  // namespace hermitage::vmm
