// A copy of the top of a guest's stack, for a backtrace after the guest memory is freed.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm {

class StackCopy {
 public:
  static constexpr std::uint64_t kMaxSize = std::uint64_t{256} << 10;

  StackCopy() = default;

  // Copies the mapped pages at [stack_pointer, stack_pointer + kMaxSize), widened to whole pages of 4 KiB. The guest's
  // page tables translate the addresses.
  [[nodiscard]] static auto make(const GuestMemory& memory, arch::PagingState paging, std::uint64_t stack_pointer)
      -> StackCopy;

  // The 8 bytes at a guest-virtual address, of any alignment. Returns nothing if a part of them was not copied.
  [[nodiscard]] auto word_at(std::uint64_t address) const noexcept -> std::optional<std::uint64_t>;

 private:
  static constexpr std::uint64_t kPageSize = 4096;
  static constexpr std::size_t kMaxPages = kMaxSize / kPageSize + 1;

  std::uint64_t start_ = 0;
  std::vector<std::byte> bytes_;  // of all pages; zeros for those that are not mapped
  std::bitset<kMaxPages> is_mapped_;
};

}  // namespace hermitage::vmm
