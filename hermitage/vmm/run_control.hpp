// Ends a run: because the guest ends it, or from outside.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

#include "hermitage/vmm/ending.hpp"
#include "hermitage/vmm/pause_gate.hpp"
#include "hermitage/vmm/serial.hpp"

namespace hermitage::vmm {

// For any thread.
class RunControl {
 public:
  // `on_stop`, which may be empty, is called whenever the run is ended from outside; `call_back` whenever it ends, and
  // gets all threads to look at is_stopping() soon. Both may be called in a signal handler, and more than once.
  RunControl(Serial& serial, PauseGate& gate, std::function<void()> on_stop, std::function<void()> call_back);

  [[nodiscard]] auto is_stopping() const noexcept -> bool { return is_finished_ || stop_reason_ != 0; }

  // The guest has ended, or cannot go on. The first call counts.
  void finish(Ending ending);
  // The run is ended from outside, for a reason other than 0, or because its time is over. The first call counts, but
  // finish() is before it. Signal handlers may call these.
  void stop(int reason) noexcept { end_from_outside(reason); }
  void time_out() noexcept;

  [[nodiscard]] auto was_stopped() const noexcept -> bool { return stop_reason_ != 0; }
  // Precondition: was_stopped().
  [[nodiscard]] auto forced_ending() const -> Ending;

  // What finish() has been told first so far. Any thread.
  [[nodiscard]] auto ending_so_far() -> std::optional<Ending>;
  // What finish() was told first. Precondition: finish() was called, and all vCPUs are back.
  [[nodiscard]] auto ending() noexcept -> Ending& { return *ending_; }

 private:
  void end_from_outside(std::int64_t reason) noexcept;

  Serial& serial_;
  PauseGate& gate_;
  std::function<void()> on_stop_;
  std::function<void()> call_back_;

  std::mutex ending_mutex_;  // of ending_
  std::optional<Ending> ending_;
  std::atomic<bool> is_finished_ = false;
  std::atomic<std::int64_t> stop_reason_ = 0;  // 0: none
};

}  // namespace hermitage::vmm
