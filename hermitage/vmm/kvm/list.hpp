// Lists, as KVM takes and gives them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace hermitage::vmm::kvm {

// What stands before the array that kvm_cpuid2, kvm_msrs and kvm_irq_routing end with, written out: Linux's headers of
// 2023 give structures that end so a wrong size in C++, and the numbers of their calls with it.
struct ListHeader {
  std::uint32_t count = 0;
  std::uint32_t flags = 0;  // or nothing
};

// Entries with their header, as KVM takes and gives them.
template <class Entry>
class List {
 public:
  // The entries are whatever was there: pages that KVM does not fill are not touched.
  explicit List(std::size_t count)
      : bytes_{std::make_unique_for_overwrite<std::byte[]>(sizeof(ListHeader) + count * sizeof(Entry))} {
    *header() = {.count = static_cast<std::uint32_t>(count)};
  }

  [[nodiscard]] auto header() noexcept -> ListHeader* { return reinterpret_cast<ListHeader*>(bytes_.get()); }
  [[nodiscard]] auto entries() noexcept -> std::span<Entry> {
    return {reinterpret_cast<Entry*>(bytes_.get() + sizeof(ListHeader)), header()->count};
  }

 private:
  std::unique_ptr<std::byte[]> bytes_;
};

}  // namespace hermitage::vmm::kvm
