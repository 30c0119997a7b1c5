// Stops the vCPUs of a running guest, and lets them go on.
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
  paused,     // no vCPU runs, and none writes to the guest's memory, until resume() or the end of the run
  ended,      // the run has ended, or ends
  timed_out,  // a vCPU is in a call of the host that does not return; the guest runs on
};

// A thread that runs a vCPU is a member between enter() and leave(). A member may run the guest and write to its
// memory, but for the time that it stands in a checkpoint() or in a Wait.
class PauseGate {
 public:
  // How long pause() waits for the members, once it is its turn.
  static constexpr std::chrono::milliseconds kLimit{50};

  [[nodiscard]] static auto make() -> Result<PauseGate>;
  PauseGate(PauseGate&& other) noexcept;  // before it is used
  auto operator=(PauseGate&&) -> PauseGate& = delete;
  ~PauseGate() = default;

  // For members. enter() and checkpoint() return at once while nobody pauses.
  void enter() noexcept;
  void checkpoint() noexcept;
  void leave() noexcept;
  [[nodiscard]] auto is_pausing() const noexcept -> bool { return pause_count_ != 0 && !is_ended_; }

  // A member waits for something of the host's: for input, or for the reader of output. In that time it touches nothing
  // of the guest. For a thread that is no member, it means nothing.
  class Wait {
   public:
    explicit Wait(PauseGate* gate) noexcept;
    Wait(const Wait&) = delete;
    auto operator=(const Wait&) -> Wait& = delete;
    ~Wait();

   private:
    PauseGate* gate_;  // null where there is nothing to do
  };

  // Gets all members to their next checkpoint. Called again every few milliseconds: `round` counts from 0.
  using CallBack = std::function<void(int round)>;

  // For any thread that is no member, and no signal handler. Calls `call_back` until all members stand. Each pause that
  // returned `paused` takes one resume(); another resume() has no effect.
  [[nodiscard]] auto pause(const CallBack& call_back) -> PauseOutcome;
  void resume();

  // All that members use.
  [[nodiscard]] auto descriptors() const -> std::array<int, 2> { return {open_.descriptor(), changed_.descriptor()}; }

  // No thread stands or waits any longer. A signal handler may call it.
  void end() noexcept;

 private:
  PauseGate(Event open, Event changed) noexcept;

  [[nodiscard]] auto all_stand(const CallBack& call_back) const -> bool;

  Event open_;        // readable while members may go on
  Event changed_;     // signaled by each member that stops
  std::mutex mutex_;  // of pause() and resume(), one at a time
  std::atomic<int> pause_count_ = 0;
  std::atomic<int> running_count_ = 0;
  std::atomic<bool> is_ended_ = false;
};

// Locks; a member of the gate that has to wait for that stands. `gate` may be null.
[[nodiscard]] auto lock_at(PauseGate* gate, std::mutex& mutex) -> std::unique_lock<std::mutex>;

}  // namespace hermitage::vmm
