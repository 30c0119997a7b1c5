// Writes to ports that KVM collects until the monitor reads them, without an exit for each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace hermitage::vmm::kvm {

class CoalescedWrites {
 public:
  struct Write {
    std::uint64_t port;
    std::span<const std::byte> data;  // at most 8 bytes
  };

  CoalescedWrites() noexcept = default;
  // `page` holds a struct kvm_coalesced_mmio_ring.
  explicit CoalescedWrites(std::span<std::byte> page) noexcept : page_{page} {}

  // Removes the writes, in order. One thread at a time can call it.
  void drain(const std::function<void(const Write&)>& visit) const;
  [[nodiscard]] auto is_empty() const noexcept -> bool;

 private:
  std::span<std::byte> page_;
};

}  // namespace hermitage::vmm::kvm
