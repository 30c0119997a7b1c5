#include "testing/allocations.hpp"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

namespace hermitage::testing {
namespace {

// Tests with several threads allocate, too; they count as one.
std::atomic<std::size_t> total = 0;
std::atomic<std::ptrdiff_t> live = 0;
std::atomic<std::ptrdiff_t> peak = 0;

[[maybe_unused]] auto allocate(std::size_t size) -> void* {
  auto* const block = std::malloc(std::max<std::size_t>(size, 1));
  if (block == nullptr) throw std::bad_alloc{};
  total += size;
  const auto now = live += static_cast<std::ptrdiff_t>(::malloc_usable_size(block));
  for (auto most = peak.load(); now > most && !peak.compare_exchange_weak(most, now);) continue;
  return block;
}

[[maybe_unused]] void release(void* block) noexcept {
  live -= static_cast<std::ptrdiff_t>(::malloc_usable_size(block));
  std::free(block);
}

}  // namespace

void start_counting() {
  total = 0;
  live = 0;
  peak = 0;
}

auto counted() -> Allocations {
  return {.total = total, .peak = static_cast<std::size_t>(std::max<std::ptrdiff_t>(peak, 0))};
}

}  // namespace hermitage::testing

// The ThreadSanitizer of clang defines these operators, and nothing is counted with it.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HERMITAGE_COUNTS_NOTHING
#endif
#endif

#ifndef HERMITAGE_COUNTS_NOTHING
// The others (of arrays) call these.
auto operator new(std::size_t size) -> void* {
  return hermitage::testing::allocate(size);
}
auto operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept -> void* {
  try {
    return hermitage::testing::allocate(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void operator delete(void* block) noexcept {
  if (block != nullptr) hermitage::testing::release(block);
}
void operator delete(void* block, std::size_t) noexcept {
  if (block != nullptr) hermitage::testing::release(block);
}
#endif
