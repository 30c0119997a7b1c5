// The result of a walk of a guest's page tables, on each architecture.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm {

// A guest-virtual address.
struct VirtualAddress {
  std::uint64_t value = 0;
};

// The guest-physical address of a virtual address, and the number of bytes from there to the end of the page.
struct Translation {
  GuestAddress address;
  std::uint64_t size = 0;  // at least 1
};

// A range of guest-virtual addresses that is mapped to contiguous guest memory.
struct MappedRange {
  VirtualAddress start;
  GuestAddress address;    // in the guest memory, like the whole range
  std::uint64_t size = 0;  // bytes, a multiple of 4096
  bool is_writable = false;
  bool is_executable = false;
};

// Collects pages, and passes on ranges of them.
class RangeVisitor {
 public:
  RangeVisitor(GuestRange memory, const std::function<bool(const MappedRange&)>& visit)
      : memory_{memory}, visit_{visit} {}

  // A page, in ascending order of addresses. Returns false to stop the walk.
  [[nodiscard]] auto add(std::uint64_t start, std::uint64_t address, std::uint64_t size, bool is_writable,
                         bool is_executable) -> bool {
    // A large page can be partly outside of the memory.
    const auto begin = std::max(address, memory_.start.value);
    const auto end = std::min(address + size, memory_.end.value);
    if (begin >= end) return true;
    const MappedRange range{.start = {start + (begin - address)},
                            .address = {begin},
                            .size = end - begin,
                            .is_writable = is_writable,
                            .is_executable = is_executable};
    if (continues(range)) {
      range_.size += range.size;
      return true;
    }
    const bool wants_more = finish();
    range_ = range;
    return wants_more;
  }
  // Passes on the last range.
  [[nodiscard]] auto finish() -> bool { return range_.size == 0 || visit_(std::exchange(range_, {})); }

 private:
  [[nodiscard]] auto continues(const MappedRange& next) const -> bool {
    return range_.size != 0 && next.start.value == range_.start.value + range_.size &&
           next.address == range_.address + range_.size && next.is_writable == range_.is_writable &&
           next.is_executable == range_.is_executable;
  }

  GuestRange memory_;
  const std::function<bool(const MappedRange&)>& visit_;
  MappedRange range_ = {};
};

}  // namespace hermitage::vmm
