// Inherited descriptors, standard streams and environment variables of this process.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <vector>

namespace hermitage::cli {

// Occupies each of the descriptors 0, 1 and 2 that is closed, so that no file gets the number of a standard stream.
// Reads and writes still fail (EBADF). Call it before any file is opened.
void occupy_closed_streams();

// Replaces the occupied descriptors by /dev/null.
void discard_closed_streams();

// The time of the first call, which is the start of the process.
auto process_start() -> std::chrono::steady_clock::time_point;

// The open descriptors above 2 that `words` name by /dev/fd/N or /proc/self/fd/N, in ascending order.
[[nodiscard]] auto named_descriptors(std::span<const std::string> words) -> std::vector<int>;

// Closes all descriptors above 2, which the parent process left open, except these, in ascending order. Call it before
// any file is opened.
void close_inherited_descriptors(std::span<const int> kept);

void close_descriptors(std::span<const int> numbers);

// Overwrites the environment variables in memory, and removes them.
void erase_environment();

}  // namespace hermitage::cli
