// Ends a run, either for the guest or from outside.
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

// Any thread can call its functions.
class RunControl {
 public:
  // `on_stop`, which can be empty, is called when the run is ended from outside. `call_back` is called when the run
  // ends in any way. It must make all threads check is_stopping() soon. Signal handlers can call both, possibly several
  // times.
  RunControl(Serial& serial, PauseGate& gate, std::function<void()> on_stop, std::function<void()> call_back);

  [[nodiscard]] auto is_stopping() const noexcept -> bool { return is_finished_ || stop_reason_ != 0; }

  // Ends the run because the guest has ended or cannot continue. The first call counts.
  void finish(Ending ending);
  // End the run from outside, for a reason other than 0, or because of the time limit. The first call counts, but
  // finish() has precedence. Signal handlers can call these.
  void stop(int reason) noexcept { end_from_outside(reason); }
  void time_out() noexcept;

  [[nodiscard]] auto was_stopped() const noexcept -> bool { return stop_reason_ != 0; }
  // Precondition: was_stopped().
  [[nodiscard]] auto forced_ending() const -> Ending;

  // The first ending that finish() received, if any. Any thread can call it.
  [[nodiscard]] auto ending_so_far() -> std::optional<Ending>;
  // The first ending that finish() received. Precondition: finish() was called, and all threads of vCPUs have returned.
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
