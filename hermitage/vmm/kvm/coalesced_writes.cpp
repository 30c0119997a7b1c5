#include "hermitage/vmm/kvm/coalesced_writes.hpp"

#include <linux/kvm.h>

#include <algorithm>
#include <cstring>

namespace hermitage::vmm::kvm {
namespace {

// The members before the entries in kvm_coalesced_mmio_ring.
struct RingHeader {
  std::uint32_t first;  // the oldest entry; the monitor advances it
  std::uint32_t last;   // the place of the next entry of KVM
};

}  // namespace

auto CoalescedWrites::is_empty() const noexcept -> bool {
  if (page_.empty()) return true;
  const auto& ring = *reinterpret_cast<RingHeader*>(page_.data());
  return __atomic_load_n(&ring.first, __ATOMIC_RELAXED) == __atomic_load_n(&ring.last, __ATOMIC_ACQUIRE);
}

void CoalescedWrites::drain(const std::function<void(const Write&)>& visit) const {
  const auto count = static_cast<std::uint32_t>((page_.size() - sizeof(RingHeader)) / sizeof(kvm_coalesced_mmio));
  while (!is_empty()) {
    auto& ring = *reinterpret_cast<RingHeader*>(page_.data());
    const auto first = __atomic_load_n(&ring.first, __ATOMIC_RELAXED) % count;
    kvm_coalesced_mmio entry;
    std::memcpy(&entry, page_.data() + sizeof(RingHeader) + first * sizeof entry, sizeof entry);
    visit({.port = entry.phys_addr,
           .data = std::as_bytes(std::span{entry.data}.first(std::min<std::size_t>(entry.len, sizeof entry.data)))});
    __atomic_store_n(&ring.first, (first + 1) % count, __ATOMIC_RELEASE);
  }
}

}  // namespace hermitage::vmm::kvm
