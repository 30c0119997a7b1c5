// Stops the vCPUs of a running guest, and lets them go on.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm {

enum class PauseOutcome : std::uint8_t {
  paused,     // no vCPU runs, and none writes to the guest's memory, until resume()
  ended,      // the run has ended, or ends
  timed_out,  // a vCPU is in a system call of the host that does not return; the guest runs on
};

// A thread that runs a vCPU is a member between enter() and leave(). A member may run the guest and write to its
// memory, but for the time that it stands in a checkpoint() or in a Wait.
class PauseGate {
 public:
  // pause() returns after this time at the latest.
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

  // A member waits for something of the host's: for input, or for the reader of output. It touches nothing of the
  // guest meanwhile. For a thread that is no member, it means nothing.
  class Wait {
   public:
    explicit Wait(PauseGate* gate) noexcept;
    Wait(const Wait&) = delete;
    auto operator=(const Wait&) -> Wait& = delete;
    ~Wait();

   private:
    PauseGate* gate_;  // null where there is nothing to do
  };

  // For any thread that is no member, and no signal handler. Calls `call_back` again and again, which gets all members
  // to their next checkpoint, until all stand. Each pause that succeeds takes a resume().
  [[nodiscard]] auto pause(const std::function<void()>& call_back) -> PauseOutcome;
  void resume();

  // No thread stands or waits any longer. A signal handler may call it.
  void end() noexcept;

 private:
  PauseGate(Descriptor open, Descriptor changed) noexcept;

  [[nodiscard]] auto all_stand(const std::function<void()>& call_back) const -> bool;

  Descriptor open_;     // an event, readable while members may go on
  Descriptor changed_;  // an event, written by each member that stops
  std::mutex mutex_;    // of pause() and resume(), one at a time
  std::atomic<int> pause_count_ = 0;
  std::atomic<int> running_count_ = 0;
  std::atomic<bool> is_ended_ = false;
};

}  // namespace hermitage::vmm
