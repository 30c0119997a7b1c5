// A page of writes, filled as KVM fills it.
#pragma once

#include <linux/kvm.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "hermitage/vmm/kvm/coalesced_writes.hpp"

namespace hermitage::vmm::kvm {

class WritesPage {
 public:
  static constexpr std::size_t kSize = 4096;
  static constexpr std::size_t kEntriesAt = 2 * sizeof(std::uint32_t);
  static constexpr std::uint32_t kCount = (kSize - kEntriesAt) / sizeof(kvm_coalesced_mmio);

  // `first` is the place of the oldest entry.
  explicit WritesPage(std::uint32_t first = 0) {
    set(0, first);
    set(1, first);
  }

  // Returns false if the ring is full: KVM keeps one entry free.
  auto put(std::uint64_t port, std::string_view data) -> bool {
    const auto next = (last() + 1) % kCount;
    if (next == first()) return false;
    put_entry(port, data, static_cast<std::uint32_t>(data.size()));
    return true;
  }

  // With any stated length.
  void put_entry(std::uint64_t port, std::string_view data, std::uint32_t length) {
    kvm_coalesced_mmio entry{};
    entry.phys_addr = port;
    entry.len = length;
    std::memcpy(entry.data, data.data(), data.size());
    std::memcpy(bytes_.data() + kEntriesAt + last() * sizeof entry, &entry, sizeof entry);
    set(1, (last() + 1) % kCount);
  }

  [[nodiscard]] auto first() const -> std::uint32_t { return get(0); }
  [[nodiscard]] auto last() const -> std::uint32_t { return get(1); }
  [[nodiscard]] auto writes() -> CoalescedWrites { return CoalescedWrites{bytes_}; }

 private:
  [[nodiscard]] auto get(std::size_t index) const -> std::uint32_t {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes_.data() + index * sizeof value, sizeof value);
    return value;
  }
  void set(std::size_t index, std::uint32_t value) {
    std::memcpy(bytes_.data() + index * sizeof value, &value, sizeof value);
  }

  alignas(kvm_coalesced_mmio) std::array<std::byte, kSize> bytes_{};
};

}  // namespace hermitage::vmm::kvm
