// The time since the machine's counter began, in microseconds.
#pragma once

#include <cstdint>

namespace guest {

// Finds out how fast the counter runs. To be called first.
void start_clock();

[[nodiscard]] auto now_microseconds() -> std::uint64_t;

}  // namespace guest
