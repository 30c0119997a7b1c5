// Passes the writes that KVM has collected to their devices.
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

  // Passes the writes to their devices, in order. A device can wait for the reader of the output. Therefore only the
  // thread of a vCPU calls this, before it handles an exit. After the vCPUs' threads have ended, any thread can call
  // it.
  void drain();

  [[nodiscard]] auto count() const noexcept -> std::uint64_t { return count_; }

 private:
  kvm::CoalescedWrites writes_;
  const Bus& ports_;
  PauseGate& gate_;
  std::mutex mutex_;  // one thread at a time passes writes, to keep their order
  std::atomic<std::uint64_t> count_ = 0;
};

}  // namespace hermitage::vmm
