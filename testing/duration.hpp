// How long work takes, where nothing but time can be counted: for comparisons of two such durations in one run.
#pragma once

#include <algorithm>
#include <chrono>
#include <ctime>

namespace hermitage::testing {

// The CPU time of this thread, so that a busy host does not count.
[[nodiscard]] inline auto cpu_time() -> std::chrono::duration<double> {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

// The shortest of seven runs, which cold caches and others on the machine disturb least.
template <class Work>
[[nodiscard]] auto shortest_duration(Work work) -> std::chrono::duration<double> {
  std::chrono::duration<double> shortest = std::chrono::hours{1};
  for (int run = 0; run < 7; ++run) {
    const auto start = cpu_time();
    work();
    shortest = std::min(shortest, cpu_time() - start);
  }
  return shortest;
}

}  // namespace hermitage::testing
