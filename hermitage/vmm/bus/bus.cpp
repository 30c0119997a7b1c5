#include "hermitage/vmm/bus/bus.hpp"

#include <algorithm>

namespace hermitage::vmm {

auto Bus::add(std::uint64_t start, std::uint64_t size, Device& device) -> bool {
  std::uint64_t last = 0;
  if (size == 0 || __builtin_add_overflow(start, size - 1, &last)) return false;
  const auto next = std::ranges::lower_bound(ranges_, start, {}, &Range::last);
  if (next != ranges_.end() && next->first <= last) return false;
  ranges_.insert(next, {.first = start, .last = last, .device = &device});
  return true;
}

auto Bus::device_at(std::uint64_t address, std::uint64_t size) const noexcept -> Device& {
  std::uint64_t last = 0;
  if (size == 0 || __builtin_add_overflow(address, size - 1, &last)) return *unclaimed_;
  const auto range = std::ranges::lower_bound(ranges_, address, {}, &Range::last);
  const bool is_claimed = range != ranges_.end() && range->first <= address && last <= range->last;
  return is_claimed ? *range->device : *unclaimed_;
}

}  // namespace hermitage::vmm
