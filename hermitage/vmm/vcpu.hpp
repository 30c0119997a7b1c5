// A guest's vCPU: runs the guest, and takes what it asks for to the devices.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "hermitage/vmm/bus/bus.hpp"
#include "hermitage/vmm/bus/device.hpp"
#include "hermitage/vmm/collected_writes.hpp"
#include "hermitage/vmm/debug/vcpu_stops.hpp"
#include "hermitage/vmm/kvm/vcpu.hpp"
#include "hermitage/vmm/pause_gate.hpp"
#include "hermitage/vmm/run_control.hpp"
#include "hermitage/vmm/serial.hpp"
#include "hermitage/vmm/statistics.hpp"

namespace hermitage::vmm {

// What all vCPUs of a guest share.
struct VcpuEnvironment {
  const Bus& ports;
  const Bus& memory;
  CollectedWrites& collected_writes;
  Serial& serial;
  RunControl& control;
  PauseGate& gate;
  debug::VcpuStops* stops;  // of a debugger, or null
};

class Vcpu final : public Initiator {
 public:
  using Clock = std::chrono::steady_clock;

  Vcpu(kvm::Vcpu vcpu, std::uint32_t number, const VcpuEnvironment& environment) noexcept;

  // Runs the guest in this thread, until the run ends.
  void run();

  // Gets run() out of the guest, to its next look at whether the guest is paused or ends, and at collected writes.
  // Leaves system calls alone. Any thread and any signal handler may call these.
  void leave_guest() noexcept;
  // Interrupts system calls, too. A thread that is just about to make one misses it.
  void call_back() noexcept;

  // For a debugger, while the guest is paused.
  [[nodiscard]] auto paused() noexcept -> kvm::Vcpu& { return vcpu_; }

  [[nodiscard]] auto number() const noexcept -> std::uint32_t { return number_; }

  // Once run() is over, or while the guest is paused.
  [[nodiscard]] auto exit_counts() const noexcept -> const ExitCounts& { return exit_counts_; }
  [[nodiscard]] auto entered_at() const noexcept -> Clock::time_point { return entered_at_; }

  [[nodiscard]] auto hypercall_argument() const noexcept -> std::uint64_t override {
    return vcpu_.hypercall_argument();
  }
  [[nodiscard]] auto paging() const noexcept -> arch::PagingState override { return vcpu_.paging(); }

 private:
  void stand_while_paused() noexcept;
  void stand_for_debugger();

  void handle(const kvm::Exit& exit);
  void handle_access(const kvm::IoAccess& access);
  [[nodiscard]] auto pass_on(const kvm::IoAccess& access) -> AccessOutcome;
  void die(std::string reason);
  void die_of_fault(std::string reason);

  kvm::Vcpu vcpu_;
  std::uint32_t number_;
  VcpuEnvironment environment_;
  ExitCounts exit_counts_;
  Clock::time_point entered_at_;
  bool has_asked_ = false;              // for anything, by a port or an address
  std::atomic<pid_t> thread_ = 0;       // that is in run(), by the kernel's number; 0: none
  std::atomic<bool> in_guest_ = false;  // or is about to enter it
};

// The signal that calls threads back. Not a constant: the C library reserves the first real-time signals.
[[nodiscard]] auto call_back_signal() noexcept -> int;

}  // namespace hermitage::vmm
