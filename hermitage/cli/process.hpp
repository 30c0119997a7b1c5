// What this process was started with, and what of it a guest's monitor has no use for.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <vector>

namespace hermitage::cli {

// Occupies each of the descriptors 0, 1 and 2 that is closed, so that no file that is opened later gets the number of a
// standard stream. Reading from it and writing to it fail as before (EBADF). To be called before anything is opened.
void occupy_closed_streams();

// Makes /dev/null of the streams that were closed: what is written there is discarded, and there is nothing to read.
void discard_closed_streams();

// When the process began, as far as it can tell: when this was called first.
auto process_start() -> std::chrono::steady_clock::time_point;

// The open descriptors above 2 that `words` name by /dev/fd/N or /proc/self/fd/N, in ascending order.
[[nodiscard]] auto named_descriptors(std::span<const std::string> words) -> std::vector<int>;

// Closes all descriptors above 2 but these, which are in ascending order: what the parent process left open. To be
// called before anything is opened.
void close_inherited_descriptors(std::span<const int> kept);

void close_descriptors(std::span<const int> numbers);

// Overwrites the environment variables in memory, and forgets them.
void erase_environment();

}  // namespace hermitage::cli
