// The time since the start of the machine's counter, in microseconds.
#pragma once

#include <cstdint>

namespace guest {

// Measures the frequency of the counter. Call this first.
void start_clock();

[[nodiscard]] auto now_microseconds() -> std::uint64_t;

}  // namespace guest
