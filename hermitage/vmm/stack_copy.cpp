#include "hermitage/vmm/stack_copy.hpp"

#include <algorithm>
#include <cstring>

namespace hermitage::vmm {

auto StackCopy::make(const GuestMemory& memory, arch::PagingState paging, std::uint64_t stack_pointer) -> StackCopy {
  StackCopy copy;
  copy.start_ = stack_pointer & ~(kPageSize - 1);
  copy.bytes_.resize(kMaxPages * kPageSize);
  for (std::size_t page = 0; page < kMaxPages; ++page) {
    const auto translated = arch::translate(memory, paging, {copy.start_ + page * kPageSize});
    if (!translated) continue;
    const auto bytes = memory.span(translated->address, kPageSize);
    if (!bytes) continue;
    std::ranges::copy(*bytes, copy.bytes_.begin() + static_cast<std::ptrdiff_t>(page * kPageSize));
    copy.is_mapped_.set(page);
  }
  return copy;
}

auto StackCopy::word_at(std::uint64_t address) const noexcept -> std::optional<std::uint64_t> {
  std::uint64_t word = 0;
  const auto offset = address - start_;  // wraps to a large value below the copy
  if (bytes_.size() < sizeof word || offset > bytes_.size() - sizeof word) return std::nullopt;
  if (!is_mapped_[offset / kPageSize] || !is_mapped_[(offset + sizeof word - 1) / kPageSize]) return std::nullopt;
  std::memcpy(&word, bytes_.data() + offset, sizeof word);
  return word;
}

}  // namespace hermitage::vmm
