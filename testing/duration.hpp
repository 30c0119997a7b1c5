// How long work takes, where nothing but time can be counted: for comparisons of two such durations in one run.
#pragma once

#include <algorithm>
#include <chrono>

namespace hermitage::testing {

// The shortest of three runs, which others on the machine disturb least.
template <class Work>
[[nodiscard]] auto shortest_duration(Work work) -> std::chrono::duration<double> {
  std::chrono::duration<double> shortest = std::chrono::hours{1};
  for (int run = 0; run < 3; ++run) {
    const auto start = std::chrono::steady_clock::now();
    work();
    shortest = std::min<std::chrono::duration<double>>(shortest, std::chrono::steady_clock::now() - start);
  }
  return shortest;
}

}  // namespace hermitage::testing
