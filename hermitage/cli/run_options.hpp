// The command line of `hermitage run`.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "hermitage/launch/launch_options.hpp"
#include "hermitage/launch/run_request.hpp"

namespace hermitage::cli {

// Options of the launch, and options of this program only.
struct RunOptions : launch::LaunchOptions {
  bool dry_run = false;
  std::string stats_file = {};
  bool trace = false;
  bool verbose = false;
  bool wants_help = false;
  bool saves_at_signal = false;
  std::optional<launch::SnapshotRequest> snapshot = {};  // of `hermitage snapshot`
  std::string image = {};                                // as given on the command line
  std::vector<int> kept_descriptors = {};                // inherited descriptors that the command line names
};

// Parses the arguments after `hermitage run`. The image ends the options. The error is a sentence about wrong usage. If
// `wants_help` is set, all other members are unspecified.
[[nodiscard]] auto parse_run_options(std::vector<std::string> words) -> std::expected<RunOptions, std::string>;

// The same for the arguments after `hermitage snapshot`, which has options of its own and most of those of `run`.
[[nodiscard]] auto parse_snapshot_options(std::vector<std::string> words) -> std::expected<RunOptions, std::string>;

// The texts of `hermitage run --help` and `hermitage snapshot --help`.
[[nodiscard]] auto run_help() -> std::string;
[[nodiscard]] auto snapshot_help() -> std::string;

// The name of a given option that only QEMU supports; null: none.
[[nodiscard]] auto option_for_qemu(const RunOptions& options) -> const char*;

}  // namespace hermitage::cli
