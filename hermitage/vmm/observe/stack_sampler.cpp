#include "hermitage/vmm/observe/stack_sampler.hpp"

#include <csignal>
#include <ctime>
#include <utility>

namespace hermitage::vmm::observe {
namespace {

constexpr const char* kHalted = "halted";

auto only(int signal) -> sigset_t {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal);
  return set;
}

}  // namespace

auto sample_signal() noexcept -> int {
  return SIGRTMIN + 1;
}

StackSampler::StackSampler(const GuestMemory& memory, std::vector<CodeRange> code, unsigned rate, StackTree& tree)
    : code_{std::move(code)},
      walker_{memory, code_},
      tree_{tree},
      period_{std::chrono::nanoseconds{std::chrono::seconds{1}} / rate} {}

auto StackSampler::make_timer() -> Result<void> {
  auto timer = base::Timer::make(sample_signal(), this);
  if (!timer) return system_failure("timer_create", timer.error());
  timer_.emplace(std::move(*timer));
  return {};
}

void StackSampler::set_timer() noexcept {
  due_ = Clock::now() + period_;
  if (timer_) timer_->set(period_);
}

auto StackSampler::is_due() noexcept -> bool {
  constexpr timespec kNow{};
  const auto signal = only(sample_signal());
  ::sigtimedwait(&signal, nullptr, &kNow);
  return Clock::now() >= due_;
}

void StackSampler::take(const arch::Registers& registers, bool is_halted) {
  // Without page tables, the stack is the instruction alone.
  const auto paging = arch::paging_of(registers).value_or(arch::PagingState{});
  const auto stack = walker_.walk(paging, arch::stack_registers(registers));
  const bool was_in_exit = due_ >= begin_ && due_ < end_;
  const auto samples = was_in_exit ? 1 + static_cast<std::uint64_t>((end_ - due_) / period_) : 1;
  tree_.add(stack.view(), was_in_exit ? kind_ : is_halted ? kHalted : nullptr, samples);
  has_taken_ = true;
}

void StackSampler::note_exit(const char* kind, Clock::time_point begin, Clock::time_point end) noexcept {
  if (std::exchange(has_taken_, false)) return set_timer();
  kind_ = kind;
  begin_ = begin;
  end_ = end;
}

}  // namespace hermitage::vmm::observe
