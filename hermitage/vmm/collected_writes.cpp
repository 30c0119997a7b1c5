#include "hermitage/vmm/collected_writes.hpp"

namespace hermitage::vmm {

void CollectedWrites::drain() {
  if (is_empty()) return;
  const auto lock = lock_at(&gate_, mutex_);
  writes_.drain([this](const kvm::CoalescedWrites::Write& write) {
    ++count_;
    // The vCPU has continued, so the outcome cannot be reported to it.
    [[maybe_unused]] const auto outcome =
        ports_.device_at(write.port, write.data.size()).write({.address = write.port}, write.data);
  });
}

}  // namespace hermitage::vmm
