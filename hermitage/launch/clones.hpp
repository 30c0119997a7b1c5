// Guests that start from the same snapshot. Their random number generators have the same state.
#pragma once

#include <string>

namespace hermitage::launch {

// The directory in which note_start() remembers snapshots. The host empties it when it boots.
[[nodiscard]] auto noted_starts() -> std::string;

// Notes that a guest starts from this open snapshot: makes an empty file in the directory, and the directory if it is
// missing. Returns whether a start from this file was noted before, and false if nothing can be noted.
[[nodiscard]] auto note_start(const std::string& directory, int snapshot) -> bool;

}  // namespace hermitage::launch
