// Reports what is in snapshots, and whether they are good. In a build without the monitor, both functions fail.
#pragma once

#include <string>

#include "hermitage/cli/command.hpp"

namespace hermitage::cli {

// Whether the file exists and is a snapshot, of any version.
[[nodiscard]] auto is_snapshot_file(const std::string& path) -> bool;

// Prints what is in a snapshot on standard output.
[[nodiscard]] auto inspect_snapshot(const std::string& path, bool as_json) -> ExitCode;

// Reads a snapshot completely, and prints whether it is good.
[[nodiscard]] auto verify_snapshot(const std::string& path) -> ExitCode;

}  // namespace hermitage::cli
