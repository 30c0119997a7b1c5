#include "hermitage/vmm/collected_writes.hpp"

namespace hermitage::vmm {

void CollectedWrites::drain() {
  const std::scoped_lock lock{mutex_};
  pass_on();
}

void CollectedWrites::drain_unless_busy() {
  const std::unique_lock lock{mutex_, std::try_to_lock};
  if (lock) pass_on();
}

void CollectedWrites::pass_on() {
  writes_.drain([this](const kvm::CoalescedWrites::Write& write) {
    ++count_;
    // The vCPU has gone on: there is nobody to tell how this went.
    [[maybe_unused]] const auto outcome =
        ports_.device_at(write.port, write.data.size()).write({.address = write.port}, write.data);
  });
}

}  // namespace hermitage::vmm
