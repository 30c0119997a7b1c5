// Memory of the loader that the kernel also needs. Allocations are never freed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hermitage/entry/bytes.hpp"

namespace hermitage::loader {

class Arena {
 public:
  Arena() noexcept = default;
  explicit Arena(std::span<std::byte> memory) noexcept : rest_{memory} {}

  // Allocates `size` uninitialized bytes at a multiple of `alignment`, a power of two. Returns an empty span if they
  // do not fit.
  [[nodiscard]] auto allocate(std::size_t size, std::size_t alignment) noexcept -> std::span<std::byte> {
    const auto start = reinterpret_cast<std::uintptr_t>(rest_.data());
    const auto padding = (alignment - start % alignment) % alignment;
    if (!entry::range_fits(padding, size, rest_.size())) return {};
    const auto piece = rest_.subspan(padding, size);
    rest_ = rest_.subspan(padding + size);
    return piece;
  }

  [[nodiscard]] auto rest() const noexcept -> std::size_t { return rest_.size(); }

 private:
  std::span<std::byte> rest_;
};

}  // namespace hermitage::loader
