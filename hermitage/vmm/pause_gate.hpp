// Pauses and resumes the vCPUs of a running guest.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>

#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/event.hpp"

namespace hermitage::vmm {

enum class PauseOutcome : std::uint8_t {
  paused,     // no vCPU runs, and none writes to the guest memory, until resume() or the end of the run
  ended,      // the run has ended or is ending
  timed_out,  // a vCPU is in a call of the host that does not return; the guest continues
};

// A thread that runs a vCPU is a member between enter() and leave(). A member can run the guest and write to its
// memory, except while it waits in checkpoint() or in a Wait.
class PauseGate {
 public:
  // The time that pause() waits for the members after other pauses are complete.
  static constexpr std::chrono::milliseconds kLimit{50};

  [[nodiscard]] static auto make() -> Result<PauseGate>;
  PauseGate(PauseGate&& other) noexcept;  // before it is used
  auto operator=(PauseGate&&) -> PauseGate& = delete;
  ~PauseGate() = default;

  // For members. enter() and checkpoint() return at once while there is no pause.
  void enter() noexcept;
  void checkpoint() noexcept;
  void leave() noexcept;
  [[nodiscard]] auto is_pausing() const noexcept -> bool { return pause_count_ != 0 && !is_ended_; }

  // A member waits for the host: for input, or for the reader of output. During this time, it does not access the
  // guest. Has no effect in a thread that is not a member.
  class Wait {
   public:
    // Whether the hypercall of the member has had an effect. One that has had none can be repeated.
    enum class Effect : std::uint8_t { some, none };

    explicit Wait(PauseGate* gate, Effect effect = Effect::some) noexcept;
    Wait(const Wait&) = delete;
    auto operator=(const Wait&) -> Wait& = delete;
    ~Wait();

   private:
    PauseGate* gate_;  // null if there is nothing to do
    Effect effect_;
  };

  // The number of members that wait in a hypercall without an effect so far. It does not change during a pause.
  [[nodiscard]] auto repeatable_waits() const noexcept -> int { return repeatable_count_; }

  // Makes all members reach their next checkpoint. It is called again every few milliseconds: `round` counts from 0.
  using CallBack = std::function<void(int round)>;

  // For any thread that is not a member, and not for signal handlers. Calls `call_back` until all members have stopped.
  // Call resume() once for each pause that returned `paused`; another resume() has no effect.
  [[nodiscard]] auto pause(const CallBack& call_back) -> PauseOutcome;
  void resume();

  // All descriptors that members use.
  [[nodiscard]] auto descriptors() const -> std::array<int, 2> { return {open_.descriptor(), changed_.descriptor()}; }

  // Releases all threads that wait here. A signal handler can call it.
  void end() noexcept;

 private:
  PauseGate(Event open, Event changed) noexcept;

  [[nodiscard]] auto all_are_paused(const CallBack& call_back) const -> bool;

  Event open_;        // readable while members can continue
  Event changed_;     // signaled by each member that stops
  std::mutex mutex_;  // held by one pause() or resume() at a time
  std::atomic<int> pause_count_ = 0;
  std::atomic<int> running_count_ = 0;
  std::atomic<int> repeatable_count_ = 0;
  std::atomic<bool> is_ended_ = false;
};

// Locks the mutex. A member of the gate counts as stopped while it waits for the lock. `gate` can be null.
[[nodiscard]] auto lock_at(PauseGate* gate, std::mutex& mutex,
                           PauseGate::Wait::Effect effect = PauseGate::Wait::Effect::some)
    -> std::unique_lock<std::mutex>;

}  // namespace hermitage::vmm
