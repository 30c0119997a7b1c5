#include "hermitage/loader/protection.hpp"

#include "hermitage/entry/elf.hpp"

namespace hermitage::loader {
namespace {

constexpr auto round_down(std::uint64_t value) noexcept -> std::uint64_t {
  return value & ~(Protection::kPageSize - 1);
}

}  // namespace

Protection::Protection(const entry::KernelObject& kernel, GuestAddress start) noexcept {
  for (const auto& segment : kernel.segments()) {
    if (segment.type != entry::elf::kSegmentLoad || segment.memsz == 0) continue;
    const auto first = start.value + kernel.memory_offset(segment);
    const GuestRange pages{{round_down(first)}, {round_down(first + segment.memsz + kPageSize - 1)}};
    add(pages, {.write = (segment.flags & entry::elf::kFlagWrite) != 0,
                .execute = (segment.flags & entry::elf::kFlagExecute) != 0});
  }
  if (is_full_) size_ = 0;
}

// Segments are in ascending order, so only the last page of the previous ones can be shared.
void Protection::add(GuestRange pages, Access access) noexcept {
  if (size_ > 0 && pages.start < ranges_[size_ - 1].range.end) {
    auto& last = ranges_[size_ - 1];
    const GuestRange shared{pages.start, last.range.end};
    const Access both{.write = last.access.write || access.write, .execute = last.access.execute || access.execute};
    last.range.end = shared.start;
    if (size_of(last.range) == 0) --size_;
    append(shared, both);
    pages.start = shared.end;
  }
  append(pages, access);
}

void Protection::append(GuestRange pages, Access access) noexcept {
  if (pages.end <= pages.start) return;
  if (size_ == kCapacity) {
    is_full_ = true;
    return;
  }
  ranges_[size_++] = {pages, access};
}

}  // namespace hermitage::loader
