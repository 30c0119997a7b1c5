// Records what one vCPU does.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "hermitage/vmm/observe/histogram.hpp"
#include "hermitage/vmm/observe/stack_sampler.hpp"
#include "hermitage/vmm/observe/timeline.hpp"

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

  // `track` and `sampler` can be null.
  VcpuObserver(bool has_times, TimelineTrack* track, std::unique_ptr<StackSampler> sampler) noexcept
      : has_times_{has_times}, track_{track}, sampler_{std::move(sampler)} {}

  [[nodiscard]] auto sampler() const noexcept -> StackSampler* { return sampler_.get(); }

  // This thread starts to run the vCPU.
  void begin_thread() noexcept;
  // The observer of the vCPU that this thread runs, or null.
  [[nodiscard]] static auto of_this_thread() noexcept -> VcpuObserver*;

  // The vCPU has left the guest.
  void left_guest() noexcept { event_.begin = Clock::now(); }
  // The current exit is an access to a port or to memory, of items with this size in bytes.
  void accesses(std::uint64_t address, std::size_t size, bool is_write) noexcept;
  // Describes the current exit.
  void describe(std::string_view text) noexcept { event_.set_detail(text); }
  // The exit has been handled. `kind` is its name in statistics, a string literal.
  void handled(const char* kind);

  [[nodiscard]] auto times() const noexcept -> const ExitTimes& { return times_; }

 private:
  bool has_times_;
  ExitTimes times_;
  TimelineTrack* track_;
  std::unique_ptr<StackSampler> sampler_;
  TimelineEvent event_;  // the current exit
};

}  // namespace hermitage::vmm::observe
