// Compares the reading of images' configurations by this library and by hermit-entry.
#pragma once

namespace hermitage::bench {

// Compares valid and invalid configurations, prints the results, and returns the exit status.
[[nodiscard]] auto compare_configs() -> int;

}  // namespace hermitage::bench
