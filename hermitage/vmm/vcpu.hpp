// A vCPU of a guest: runs the guest, and passes its accesses to the devices.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>

#include "hermitage/vmm/bus/bus.hpp"
#include "hermitage/vmm/bus/device.hpp"
#include "hermitage/vmm/collected_writes.hpp"
#include "hermitage/vmm/debug/vcpu_stops.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/hypercalls/hypercall_log.hpp"
#include "hermitage/vmm/kvm/vcpu.hpp"
#include "hermitage/vmm/observe/vcpu_observer.hpp"
#include "hermitage/vmm/pause_gate.hpp"
#include "hermitage/vmm/repeated_write.hpp"
#include "hermitage/vmm/run_control.hpp"
#include "hermitage/vmm/serial.hpp"
#include "hermitage/vmm/statistics.hpp"
#include "hermitage/vmm/warnings.hpp"

namespace hermitage::vmm {

// The objects that all vCPUs of a guest share.
struct VcpuEnvironment {
  const Bus& ports;
  const Bus& memory;
  CollectedWrites& collected_writes;
  Serial& serial;
  RunControl& control;
  PauseGate& gate;
  debug::VcpuStops* stops;  // of the debugger, or null
  bool keeps_state;         // a vCPU keeps its complete state after the run
  Warnings* warnings = nullptr;
};

class Vcpu final : public Initiator {
 public:
  using Clock = std::chrono::steady_clock;

  Vcpu(kvm::Vcpu vcpu, std::uint32_t number, const VcpuEnvironment& environment) noexcept;

  // Prepares this thread, which then calls run(), and before it is isolated. Fails with host_failed or kvm_failed.
  [[nodiscard]] auto prepare_thread() -> Result<void>;
  // Runs the guest in this thread until the run ends.
  void run();

  // Makes run() leave the guest, and check for a pause, the end of the run, and collected writes. Does not interrupt
  // system calls. Any thread and any signal handler can call these.
  void leave_guest() noexcept;
  // Also interrupts system calls. A thread that is about to make one misses it.
  void call_back() noexcept;

  // Records what the vCPU does, until the vCPU is destroyed. Call it before run().
  void set_observer(observe::VcpuObserver& observer) noexcept { observer_ = &observer; }

  // For a debugger, while the guest is paused.
  [[nodiscard]] auto paused() noexcept -> kvm::Vcpu& { return vcpu_; }

  // For snapshots, while the guest is paused.
  //
  // Whether the vCPU is between two instructions, and not in a hypercall.
  [[nodiscard]] auto is_at_rest() const noexcept -> bool { return is_at_rest_; }
  // The write that has started the current hypercall, or with which run() will start; none if there is no hypercall, or
  // if it cannot be repeated.
  [[nodiscard]] auto current_write() const noexcept -> std::optional<RepeatedWrite> {
    return repeated_write_ ? repeated_write_ : current_write_;
  }
  // The vCPU continues a saved one: run() starts with this write, if there is one. Precondition: run() has not been
  // called.
  void continue_saved(const std::optional<RepeatedWrite>& write) noexcept {
    repeated_write_ = write;
    has_asked_ = true;
  }

  // The clock for the CPU time of the thread in run(), for clock_gettime(2); none if run() is not running.
  [[nodiscard]] auto cpu_clock() const noexcept -> std::optional<clockid_t>;

  [[nodiscard]] auto number() const noexcept -> std::uint32_t { return number_; }

  // Precondition: run() has returned, or the guest is paused.
  [[nodiscard]] auto exit_counts() const noexcept -> const ExitCounts& { return exit_counts_; }
  [[nodiscard]] auto entered_at() const noexcept -> Clock::time_point { return entered_at_; }

  // The state at the end of run(), with VcpuEnvironment::keeps_state. Null if KVM did not return it.
  [[nodiscard]] auto final_state() const noexcept -> const arch::DebugState* { return final_state_.get(); }

  [[nodiscard]] auto hypercall_argument() const noexcept -> std::uint64_t override {
    return vcpu_.hypercall_argument();
  }
  [[nodiscard]] auto paging() const noexcept -> arch::PagingState override { return vcpu_.paging(); }
  // Other threads can read it after run() has returned, or while the guest is paused.
  [[nodiscard]] auto hypercall_log() const noexcept -> HypercallLog* override { return hypercall_log_.get(); }

 private:
  [[nodiscard]] auto take_due_sample() -> bool;
  void wait_while_paused() noexcept;
  void wait_for_debugger();
  void keep_state();

  void make_repeated_write();
  // Notes the kind of the current exit: a string literal.
  void note_kind(const char* name);
  void handle(const kvm::Exit& exit);
  void handle_access(const kvm::IoAccess& access);
  [[nodiscard]] auto pass_on(const kvm::IoAccess& access) -> AccessOutcome;
  // For a run that did not end by itself.
  void report_repeated_exception();
  void die(std::string reason);
  void die_of_fault(std::string reason);

  kvm::Vcpu vcpu_;
  std::uint32_t number_;
  VcpuEnvironment environment_;
  ExitCounts exit_counts_;
  std::unique_ptr<arch::DebugState> final_state_;
  std::unique_ptr<HypercallLog> hypercall_log_ = std::make_unique<HypercallLog>();
  observe::VcpuObserver* observer_ = nullptr;  // or null
  const char* kind_ = "";                      // of the current exit
  Clock::time_point entered_at_;
  bool has_asked_ = false;              // has made any access, by a port or an address
  std::atomic<pid_t> thread_ = 0;       // thread ID in the kernel of the thread in run(); 0: none
  std::atomic<bool> in_guest_ = false;  // or is about to enter it

  // The thread in run() sets these; others read them while the guest is paused, which the gate synchronizes.
  std::atomic<bool> is_at_rest_ = true;
  std::optional<RepeatedWrite> current_write_;
  std::optional<RepeatedWrite> repeated_write_;
  std::atomic<clockid_t> cpu_clock_ = 0;
  std::atomic<bool> has_cpu_clock_ = false;
};

// The signal that interrupts threads. It is not a constant, because the C library reserves the first real-time signals.
[[nodiscard]] auto call_back_signal() noexcept -> int;

}  // namespace hermitage::vmm
