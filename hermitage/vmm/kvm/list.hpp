// Lists in KVM's format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace hermitage::vmm::kvm {

// The members before the array at the end of kvm_cpuid2, kvm_msrs and kvm_irq_routing. In C++, Linux's headers of 2023
// define a wrong size for such structures, and so wrong numbers of their calls.
struct ListHeader {
  std::uint32_t count = 0;
  std::uint32_t flags = 0;  // or unused
};

// A header with its entries.
template <class Entry>
class List {
 public:
  // The entries are uninitialized, so pages that KVM does not fill are not touched.
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
