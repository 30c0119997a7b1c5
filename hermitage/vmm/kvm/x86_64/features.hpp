// The features that a vCPU of x86_64 has: what KVM supports, as CPUID tells it.
#pragma once

#include <linux/kvm.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace hermitage::vmm::kvm {

// What stands before the array that kvm_cpuid2 and kvm_msrs end with, written out: Linux's headers of 2023 give
// structures that end so a wrong size in C++, and the numbers of their calls with it.
struct ListHeader {
  std::uint32_t count = 0;
  std::uint32_t padding = 0;
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

// Of all vCPUs of a machine. Vcpu::configure() adapts it in place to each.
using Features = List<kvm_cpuid_entry2>;

}  // namespace hermitage::vmm::kvm
