#include "hermitage/vmm/supervisor.hpp"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <ctime>
#include <mutex>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "hermitage/vmm/isolation/descriptors.hpp"

namespace hermitage::vmm {
namespace {

using std::chrono::milliseconds;

// Output is delivered at most ten milliseconds after the guest has written it.
constexpr milliseconds kFlushInterval{8};
// The interval of signals for threads that have not returned.
constexpr milliseconds kCallBackInterval{5};

// Blocks signals in this thread, and in threads that it starts while this object exists. The handlers of the program
// run in its other threads. vCPUs receive only the signal that interrupts them, and signals for faults of this program.
class BlockedSignals {
 public:
  explicit BlockedSignals(int except) {
    sigset_t blocked;
    ::sigfillset(&blocked);
    for (const int signal : {except, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) {
      ::sigdelset(&blocked, signal);
    }
    ::pthread_sigmask(SIG_SETMASK, &blocked, &before_);
  }
  BlockedSignals(const BlockedSignals&) = delete;
  auto operator=(const BlockedSignals&) -> BlockedSignals& = delete;
  ~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

// Unblocks a signal in this thread.
class UnblockedSignal {
 public:
  explicit UnblockedSignal(int signal) {
    sigset_t one;
    ::sigemptyset(&one);
    ::sigaddset(&one, signal);
    ::pthread_sigmask(SIG_UNBLOCK, &one, &before_);
  }
  UnblockedSignal(const UnblockedSignal&) = delete;
  auto operator=(const UnblockedSignal&) -> UnblockedSignal& = delete;
  ~UnblockedSignal() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

constexpr auto kNever = Supervisor::Clock::time_point::max();

// None for kNever.
auto time_until(Supervisor::Clock::time_point moment) -> std::optional<milliseconds> {
  if (moment == kNever) return std::nullopt;
  return milliseconds_until(moment);
}

// The CPU time of the threads that run these vCPUs now.
auto cpu_time_of(std::span<const std::unique_ptr<Vcpu>> vcpus) -> std::chrono::nanoseconds {
  std::chrono::nanoseconds sum{};
  for (const auto& vcpu : vcpus) {
    timespec used{};
    const auto clock = vcpu->cpu_clock();
    if (!clock || ::clock_gettime(*clock, &used) != 0) continue;
    sum += std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
  }
  return sum;
}

auto bind_to_cpu(unsigned cpu) -> bool {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set) == 0;
}

}  // namespace

// A barrier at which threads wait until all of them are ready, or one has failed.
class Supervisor::StartingLine {
 public:
  explicit StartingLine(std::size_t count) : missing_{count} {}

  // Returns when all threads have arrived, or one has failed. All threads get the first error.
  [[nodiscard]] auto arrive(Result<void> outcome) -> Result<void> {
    std::unique_lock lock{mutex_};
    --missing_;
    if (!outcome && outcome_) outcome_ = std::move(outcome);
    if (missing_ == 0 || !outcome_) changed_.notify_all();
    changed_.wait(lock, [this] { return missing_ == 0 || !outcome_; });
    return outcome_;
  }

 private:
  std::mutex mutex_;  // protects the following members
  std::condition_variable changed_;
  std::size_t missing_;
  Result<void> outcome_;
};

auto Supervisor::make(Serial& serial, std::function<void()> on_stop) -> Result<std::unique_ptr<Supervisor>> {
  auto events = EventLoop::make();
  if (!events) return std::unexpected{events.error()};
  auto gate = PauseGate::make();
  if (!gate) return std::unexpected{gate.error()};
  auto wakeup = Event::make();
  if (!wakeup) return std::unexpected{wakeup.error()};
  std::unique_ptr<Supervisor> supervisor{
      new Supervisor{serial, std::move(on_stop), std::move(*events), std::move(*gate), std::move(*wakeup)}};
  const auto& event = supervisor->wakeup_;
  auto added = supervisor->events_.add(event.descriptor(), EPOLLIN, [&event](std::uint32_t) { event.clear(); });
  if (!added) return std::unexpected{added.error()};
  return supervisor;
}

Supervisor::Supervisor(Serial& serial, std::function<void()> on_stop, EventLoop events, PauseGate gate, Event wakeup)
    : serial_{serial},
      events_{std::move(events)},
      gate_{std::move(gate)},
      wakeup_{std::move(wakeup)},
      control_{serial, gate_, std::move(on_stop), [this] { call_back_until_all_are_back(); }} {
  serial_.set_pause_gate(gate_);
  serial_.set_on_pending([this] { wakeup_.signal(); });
}

auto Supervisor::run(std::optional<Clock::time_point> deadline) -> Result<void> {
  const UnblockedSignal interrupts{call_back_signal()};
  if (auto started = start_timer(deadline); !started) return started;
  serial_.begin();
  auto ran = run_threads();
  if (ran) {
    end_output();
  } else {
    gate_.end();  // threads in pause() learn that the run has ended
  }
  end_timer();
  return ran;
}

auto Supervisor::start_timer(std::optional<Clock::time_point> deadline) -> Result<void> {
  struct sigaction action{};
  action.sa_flags = SA_SIGINFO;  // without SA_RESTART, so that it interrupts system calls
  action.sa_sigaction = [](int, siginfo_t* info, void*) {
    if (info->si_code == SI_TIMER) static_cast<Supervisor*>(info->si_value.sival_ptr)->on_timer();
  };
  ::sigaction(call_back_signal(), &action, nullptr);
  auto timer = base::Timer::make(call_back_signal(), this);
  if (!timer) return system_failure("timer_create", timer.error());
  timer_.emplace(std::move(*timer));
  has_timer_ = true;
  if (deadline) {
    deadline_ = *deadline;
    timer_->set(deadline_ - Clock::now());
  }
  // stop() may have been called before the timer existed.
  if (control_.is_stopping()) timer_->set(kCallBackInterval);
  return {};
}

// After this, the timer sends no more signals.
void Supervisor::end_timer() {
  has_timer_ = false;
  while (timer_users_ != 0) ::poll(nullptr, 0, 1);
  timer_.reset();
}

// A signal in the thread of the supervisor calls it.
void Supervisor::on_timer() noexcept {
  const int error = errno;  // restored for the interrupted code
  // The time limit also applies to output that is delivered after the guest has ended by itself.
  if (!control_.was_stopped() && Clock::now() >= deadline_) {
    control_.time_out();
  } else if (control_.is_stopping()) {
    call_back();
  }
  if (has_timer_) timer_->set(kCallBackInterval);
  errno = error;
}

auto Supervisor::run_threads() -> Result<void> {
  const auto others = 1UZ + (guest_->network_card == nullptr ? 0 : 1) + (guest_->debugger == nullptr ? 0 : 1) +
                      (guest_->saver == nullptr ? 0 : 1) + (guest_->control_server == nullptr ? 0 : 1);
  StartingLine starting_line{guest_->vcpus.size() + others};
  std::latch has_own_descriptors{1};
  auto started = start_threads(starting_line, has_own_descriptors);
  if (started) supervise();
  join_threads();
  ended_at_ = Clock::now();
  return started;
}

// When it succeeds, the guest runs, and every thread is isolated.
auto Supervisor::start_threads(StartingLine& starting_line, std::latch& has_own_descriptors) -> Result<void> {
  if (auto enclosed = guest_->isolation.enclose_caller(); !enclosed) return enclosed;
  threads_.reserve(guest_->vcpus.size() + 4);
  try {
    const BlockedSignals blocked{call_back_signal()};
    if (guest_->network_card != nullptr) {
      threads_.emplace_back([&, this] { run_network_card(starting_line, has_own_descriptors); });
    }
    if (guest_->debugger != nullptr) threads_.emplace_back([&, this] { run_debugger(starting_line); });
    if (guest_->saver != nullptr) threads_.emplace_back([&, this] { run_saver(starting_line); });
    if (guest_->control_server != nullptr) threads_.emplace_back([&, this] { run_control_server(starting_line); });
    for (const auto& vcpu : guest_->vcpus) threads_.emplace_back([&, this] { run_vcpu(*vcpu, starting_line); });
  } catch (const std::system_error& error) {
    return starting_line.arrive(
        fail(ErrorCode::host_failed, fmt::format("cannot start a thread for a vCPU: {}", error.what())));
  }
  guest_->while_starting();
  if (guest_->network_card != nullptr && guest_->isolation.separates_network()) {
    has_own_descriptors.wait();
    if (auto hidden = isolation::hide(guest_->network_card->backend_descriptors()); !hidden) {
      return starting_line.arrive(std::move(hidden));
    }
  }
  began_at_ = Clock::now();
  return starting_line.arrive(guest_->isolation.seal_caller());
}

void Supervisor::run_vcpu(Vcpu& vcpu, StartingLine& starting_line) {
  if (!guest_->affinity.empty()) {
    const auto cpu = guest_->affinity[vcpu.number()];
    if (!bind_to_cpu(cpu)) {
      guest_->warnings.add(fmt::format("cannot bind vCPU {} to CPU {}: pthread_setaffinity_np", vcpu.number(), cpu));
    }
  }
  auto prepared = vcpu.prepare_thread();
  if (prepared) prepared = guest_->isolation.enclose(isolation::Role::vcpu);
  if (starting_line.arrive(std::move(prepared))) vcpu.run();
}

// The descriptors of the card, and those that its thread uses to pause and to end the run.
auto Supervisor::descriptors_of(const NetworkCard& card) const -> std::vector<int> {
  auto kept = card.descriptors();
  for (const int event : gate_.descriptors()) kept.push_back(event);
  for (const int event : serial_.events()) kept.push_back(event);
  kept.push_back(wakeup_.descriptor());
  return kept;
}

void Supervisor::run_network_card(StartingLine& starting_line, std::latch& has_own_descriptors) {
  auto& card = *guest_->network_card;
  auto enclosed = guest_->isolation.separates_network() ? isolation::keep_only(descriptors_of(card)) : Result<void>{};
  has_own_descriptors.count_down();
  if (enclosed) enclosed = guest_->isolation.enclose(isolation::Role::network);
  if (starting_line.arrive(std::move(enclosed))) card.run(gate_, [this] { return control_.is_stopping(); });
}

void Supervisor::run_debugger(StartingLine& starting_line) {
  auto enclosed = guest_->isolation.enclose(isolation::Role::debugger);
  if (starting_line.arrive(std::move(enclosed))) guest_->debugger->run([this] { return control_.is_stopping(); });
}

void Supervisor::run_saver(StartingLine& starting_line) {
  if (!starting_line.arrive(guest_->isolation.enclose(isolation::Role::saver))) return;
  guest_->saver->run({.cpu_time = [this] { return cpu_time_of(guest_->vcpus); },
                      .is_stopping = [this] { return control_.is_stopping(); },
                      .save = guest_->save});
}

void Supervisor::run_control_server(StartingLine& starting_line) {
  if (starting_line.arrive(guest_->isolation.enclose(isolation::Role::control))) {
    guest_->control_server->run(guest_->controlled);
  }
}

void Supervisor::join_threads() {
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

void Supervisor::supervise() {
  auto look_at = kNever;  // the time at which output has waited long enough
  while (!control_.is_stopping()) {
    look_at = has_output_to_look_after() ? std::min(look_at, Clock::now() + kFlushInterval) : kNever;
    events_.wait(time_until(look_at));
    if (Clock::now() < look_at) continue;
    look_after_output();
    look_at = kNever;
  }
}

auto Supervisor::has_output_to_look_after() const noexcept -> bool {
  return (guest_->collects_output && !guest_->collected_writes.is_empty()) || serial_.has_pending();
}

// Waits neither for a vCPU nor for a reader, because other descriptors may be ready. Only vCPUs handle collected
// writes, because that can block.
void Supervisor::look_after_output() {
  if (guest_->collects_output && !guest_->collected_writes.is_empty()) {
    for (const auto& vcpu : guest_->vcpus) vcpu->leave_guest();
  }
  serial_.flush_some();
  // A guest that computes or halts does not notice the error.
  if (serial_.write_error() != 0) control_.finish(OutputFailed{serial_.write_error()});
}

// Delivers the output of the guest. Its reader has unlimited time, unless the run is ended from outside. If output is
// lost then, the run has ended from outside.
void Supervisor::end_output() {
  guest_->collected_writes.drain();
  serial_.flush();
  auto& ending = control_.ending();
  if (!std::holds_alternative<GuestExit>(ending)) return;
  if (serial_.write_error() != 0) {
    ending = OutputFailed{serial_.write_error()};
  } else if (serial_.undelivered() != 0) {
    ending = control_.forced_ending();
  }
}

auto Supervisor::pause() -> PauseOutcome {
  // Signals could make system calls on some mounts fail, so give them time to return first.
  constexpr int kPatientRounds = 3;
  return gate_.pause([this](int round) {
    for (const auto& vcpu : guest_->vcpus) round < kPatientRounds ? vcpu->leave_guest() : vcpu->call_back();
  });
}

// Makes all vCPUs leave the guest, and system calls that wait. A vCPU that is about to make such a call misses this.
void Supervisor::call_back() noexcept {
  wakeup_.signal();
  if (!guest_) return;
  if (guest_->network_card != nullptr) guest_->network_card->call_back();
  if (guest_->debugger != nullptr) guest_->debugger->call_back();
  if (guest_->saver != nullptr) guest_->saver->call_back();
  if (guest_->control_server != nullptr) guest_->control_server->call_back();
  for (const auto& vcpu : guest_->vcpus) vcpu->call_back();
}

void Supervisor::call_back_until_all_are_back() noexcept {
  call_back();
  ++timer_users_;
  if (has_timer_) timer_->set(kCallBackInterval);
  --timer_users_;
}

}  // namespace hermitage::vmm
