// Counts what a test program allocates by operator new, which this replaces where it is linked. With the
// ThreadSanitizer of clang, all counts are 0.
#pragma once

#include <cstddef>

namespace hermitage::testing {

struct Allocations {
  std::size_t total = 0;  // bytes of all allocations
  std::size_t peak = 0;   // bytes that were allocated at one time, at most
};

// Counts anew.
void start_counting();
// Since then; what was allocated before counts for neither.
[[nodiscard]] auto counted() -> Allocations;

template <class Work>
[[nodiscard]] auto allocations_of(Work work) -> Allocations {
  start_counting();
  work();
  return counted();
}

}  // namespace hermitage::testing
