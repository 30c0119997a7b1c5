// The writes that KVM has collected, on their way to their devices.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "hermitage/vmm/bus/bus.hpp"
#include "hermitage/vmm/kvm/coalesced_writes.hpp"
#include "hermitage/vmm/pause_gate.hpp"

namespace hermitage::vmm {

class CollectedWrites {
 public:
  CollectedWrites(kvm::CoalescedWrites writes, const Bus& ports, PauseGate& gate) noexcept
      : writes_{writes}, ports_{ports}, gate_{gate} {}

  [[nodiscard]] auto is_empty() const noexcept -> bool { return writes_.is_empty(); }

  // Takes the writes to their devices, in order. A device may wait for the reader of output. So only a vCPU's thread
  // calls it, before it handles an exit; after the vCPUs' threads have ended, any thread may.
  void drain();

  [[nodiscard]] auto count() const noexcept -> std::uint64_t { return count_; }

 private:
  kvm::CoalescedWrites writes_;
  const Bus& ports_;
  PauseGate& gate_;
  std::mutex mutex_;  // of taking writes, one thread at a time and in order
  std::atomic<std::uint64_t> count_ = 0;
};

}  // namespace hermitage::vmm
