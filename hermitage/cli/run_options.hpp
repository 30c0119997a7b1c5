// The command line of `hermitage run`.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "hermitage/launch/launch_options.hpp"

namespace hermitage::cli {

// Options of the launch, and options of this program only.
struct RunOptions : launch::LaunchOptions {
  bool dry_run = false;
  std::string stats_file = {};
  bool trace = false;
  bool verbose = false;
  bool wants_help = false;
  std::string image = {};                  // as given on the command line
  std::vector<int> kept_descriptors = {};  // inherited descriptors that the command line names
};

// Parses the arguments after `hermitage run`. The image ends the options. The error is a sentence about wrong usage. If
// `wants_help` is set, all other members are unspecified.
[[nodiscard]] auto parse_run_options(std::vector<std::string> words) -> std::expected<RunOptions, std::string>;

// The text of `hermitage run --help`.
[[nodiscard]] auto run_help() -> std::string;

// The name of a given option that only QEMU supports; null: none.
[[nodiscard]] auto option_for_qemu(const RunOptions& options) -> const char*;

}  // namespace hermitage::cli
