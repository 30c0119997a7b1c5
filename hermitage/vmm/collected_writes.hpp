// The writes that KVM has collected, on their way to their devices.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>

#include "hermitage/vmm/bus/bus.hpp"
#include "hermitage/vmm/kvm/coalesced_writes.hpp"

namespace hermitage::vmm {

class CollectedWrites {
 public:
  CollectedWrites(kvm::CoalescedWrites writes, const Bus& ports) noexcept : writes_{std::move(writes)}, ports_{ports} {}

  [[nodiscard]] auto is_empty() const noexcept -> bool { return writes_.is_empty(); }

  // In a vCPU's thread: what the guest wrote before comes before what it asks for now.
  void drain();
  // In the supervisor's thread, which waits for no vCPU: one that drains may itself wait for a reader.
  void drain_unless_busy();

  [[nodiscard]] auto count() const noexcept -> std::uint64_t { return count_; }

 private:
  // Precondition: mutex_ is held.
  void pass_on();

  kvm::CoalescedWrites writes_;
  const Bus& ports_;
  std::mutex mutex_;  // of taking writes, one thread at a time and in order
  std::atomic<std::uint64_t> count_ = 0;
};

}  // namespace hermitage::vmm
