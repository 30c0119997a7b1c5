// Takes samples of the stack of one vCPU.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "hermitage/base/timer.hpp"
#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"
#include "hermitage/vmm/observe/profile.hpp"
#include "hermitage/vmm/observe/stack_walk.hpp"

namespace hermitage::vmm::observe {

// The signal of the timers. It is blocked in the threads of vCPUs, except while they run the guest: it interrupts no
// system call of a hypercall. It is not a constant, because the C library reserves the first real-time signals.
[[nodiscard]] auto sample_signal() noexcept -> int;

// Only the thread of the vCPU uses it. A timer interrupts the guest when a sample is due. If a sample becomes due while
// the monitor handles an exit, it is taken when the guest continues, and belongs to that exit; a long exit counts as
// many samples as became due.
class StackSampler {
 public:
  using Clock = std::chrono::steady_clock;

  // `code` has the executable code of the guest; `rate` is in samples per second. `memory` and `tree` must exist as
  // long as this object.
  StackSampler(const GuestMemory& memory, std::vector<CodeRange> code, unsigned rate, StackTree& tree);
  StackSampler(const StackSampler&) = delete;
  auto operator=(const StackSampler&) -> StackSampler& = delete;
  ~StackSampler() = default;

  // Makes the timer of this thread, in which sample_signal() is blocked. Fails with host_failed.
  [[nodiscard]] auto make_timer() -> Result<void>;
  // The guest starts.
  void begin() noexcept { set_timer(); }

  // The guest was interrupted: whether a sample is due. Withdraws the signal of the timer.
  [[nodiscard]] auto is_due() noexcept -> bool;
  // Takes the sample that is due. The next one is due after the next call of note_exit().
  void take(const arch::Registers& registers, bool is_halted);
  // An exit was handled from `begin` to `end`. `kind` is a string literal.
  void note_exit(const char* kind, Clock::time_point begin, Clock::time_point end) noexcept;

 private:
  void set_timer() noexcept;

  std::vector<CodeRange> code_;
  StackWalker walker_;
  StackTree& tree_;
  std::chrono::nanoseconds period_;
  std::optional<base::Timer> timer_;
  Clock::time_point due_ = Clock::time_point::max();
  bool has_taken_ = false;  // in the current exit

  // The last exit.
  const char* kind_ = nullptr;
  Clock::time_point begin_;
  Clock::time_point end_;
};

}  // namespace hermitage::vmm::observe
