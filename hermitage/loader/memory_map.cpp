#include "hermitage/loader/memory_map.hpp"

namespace hermitage::loader {
namespace {

auto larger(GuestAddress a, GuestAddress b) noexcept -> GuestAddress {
  return a < b ? b : a;
}

auto smaller(GuestAddress a, GuestAddress b) noexcept -> GuestAddress {
  return b < a ? b : a;
}

auto contains_any(std::span<const GuestRange> outer, GuestRange inner) noexcept -> bool {
  for (const auto range : outer) {
    if (contains(range, inner)) return true;
  }
  return false;
}

auto first_overlap(std::span<const GuestRange> ranges, GuestRange wanted) noexcept -> const GuestRange* {
  for (const auto& range : ranges) {
    if (overlaps(range, wanted)) return &range;
  }
  return nullptr;
}

}  // namespace

auto RangeList::add(GuestRange range) noexcept -> bool {
  if (range.end <= range.start) return true;
  std::size_t first = 0;
  while (first < size_ && ranges_[first].end < range.start) ++first;
  // The ranges from `first` up to `last` touch the new one, and are joined with it.
  std::size_t last = first;
  for (; last < size_ && ranges_[last].start <= range.end; ++last) {
    range = {smaller(range.start, ranges_[last].start), larger(range.end, ranges_[last].end)};
  }
  if (first == last) {
    if (size_ == kCapacity) return false;
    for (std::size_t i = size_; i > first; --i) ranges_[i] = ranges_[i - 1];
    ++size_;
  } else {
    for (std::size_t i = last; i < size_; ++i) ranges_[first + 1 + i - last] = ranges_[i];
    size_ -= last - first - 1;
  }
  ranges_[first] = range;
  return true;
}

auto MemoryMap::ram_end() const noexcept -> GuestAddress {
  return ram().empty() ? GuestAddress{} : ram().back().end;
}

auto MemoryMap::is_free(GuestRange range) const noexcept -> bool {
  return contains_any(ram(), range) && first_overlap(reserved(), range) == nullptr;
}

auto MemoryMap::find(std::uint64_t size, std::uint64_t alignment, GuestRange bounds) const noexcept
    -> std::optional<GuestRange> {
  for (const auto ram_range : ram()) {
    const GuestRange within{larger(ram_range.start, bounds.start), smaller(ram_range.end, bounds.end)};
    auto start = entry::checked_align_up(within.start.value, alignment);
    while (start) {
      const auto place = range_of(*start, size);
      if (!place || !contains(within, *place)) break;
      const auto* const obstacle = first_overlap(reserved(), *place);
      if (obstacle == nullptr) return place;
      start = entry::checked_align_up(obstacle->end.value, alignment);
    }
  }
  return std::nullopt;
}

auto MemoryMap::find_last(std::uint64_t size, std::uint64_t alignment, GuestRange bounds) const noexcept
    -> std::optional<GuestRange> {
  for (auto index = ram().size(); index > 0; --index) {
    const auto ram_range = ram()[index - 1];
    const GuestRange within{larger(ram_range.start, bounds.start), smaller(ram_range.end, bounds.end)};
    auto end = within.end;
    while (within.start <= end && size <= end.value - within.start.value) {
      const auto place = *range_of((end.value - size) & ~(alignment - 1), size);
      if (!contains(within, place)) break;
      const auto* const obstacle = first_overlap(reserved(), place);
      if (obstacle == nullptr) return place;
      end = obstacle->start;
    }
  }
  return std::nullopt;
}

}  // namespace hermitage::loader
