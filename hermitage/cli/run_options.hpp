// The command line of `hermitage run`.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "hermitage/launch/launch_options.hpp"

namespace hermitage::cli {

// What it says about the launch, and what is this program's own affair.
struct RunOptions : launch::LaunchOptions {
  bool dry_run = false;
  std::string stats_file = {};
  bool trace = false;
  bool verbose = false;
  bool wants_help = false;
  std::string image = {};                  // as it was named
  std::vector<int> kept_descriptors = {};  // that the command line names, of those that this process was started with
};

// Reads the words after `hermitage run`. The image ends the options. The error is a sentence about wrong usage; nothing
// but `wants_help` counts when that is set.
[[nodiscard]] auto parse_run_options(std::vector<std::string> words) -> std::expected<RunOptions, std::string>;

// What `hermitage run --help` says.
[[nodiscard]] auto run_help() -> std::string;

// The name of an option that is given, and that QEMU alone has a use for; null: none.
[[nodiscard]] auto option_for_qemu(const RunOptions& options) -> const char*;

}  // namespace hermitage::cli
