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
};

class Vcpu final : public Initiator {
 public:
  using Clock = std::chrono::steady_clock;

  Vcpu(kvm::Vcpu vcpu, std::uint32_t number, const VcpuEnvironment& environment) noexcept;

  // Runs the guest in this thread, until the run ends.
  void run();

  // Gets run() out of the guest, and out of system calls that wait for something; a thread that is just about to make
  // such a call misses it. Any thread and any signal handler may call it.
  void call_back() noexcept;

  [[nodiscard]] auto number() const noexcept -> std::uint32_t { return number_; }

  // Once run() is over.
  [[nodiscard]] auto exit_counts() const noexcept -> const ExitCounts& { return exit_counts_; }
  [[nodiscard]] auto entered_at() const noexcept -> Clock::time_point { return entered_at_; }

  [[nodiscard]] auto hypercall_argument() const noexcept -> std::uint64_t override {
    return vcpu_.hypercall_argument();
  }
  [[nodiscard]] auto paging() const noexcept -> arch::PagingState override { return vcpu_.paging(); }

 private:
  void stand_while_paused() noexcept;

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
  std::atomic<pid_t> thread_ = 0;  // that is in run(), by the kernel's number; 0: none
};

// The signal that calls threads back. The C library says as the program runs which it keeps for itself.
[[nodiscard]] auto call_back_signal() noexcept -> int;

}  // namespace hermitage::vmm
