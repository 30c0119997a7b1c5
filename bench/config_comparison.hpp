// Configurations of images, read here and by hermit-entry: do they agree?
#pragma once

namespace hermitage::bench {

// Compares right and wrong ones, prints what has been found, and gives the exit status.
[[nodiscard]] auto compare_configs() -> int;

}  // namespace hermitage::bench
