// hermitage snapshot: saves a running guest, and checks snapshots.
#include <string_view>
#include <utility>

#include "hermitage/cli/command.hpp"
#include "hermitage/cli/engines.hpp"
#include "hermitage/cli/options.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/cli/process.hpp"
#include "hermitage/cli/run_options.hpp"
#include "hermitage/cli/snapshot_report.hpp"

namespace hermitage::cli {
namespace {

constexpr std::string_view kVerify = "verify";

auto verify(const Words& files) -> ExitCode {
  if (files.empty()) return complain_of_usage("snapshot", "missing operand FILE after verify");
  auto exit_code = ExitCode::good;
  for (const auto& file : files) exit_code = worse(exit_code, verify_snapshot(file));
  return exit_code;
}

}  // namespace

auto run_snapshot(const Words& words) -> ExitCode {
  if (!words.empty() && words.front() == kVerify) return verify({words.begin() + 1, words.end()});
  discard_closed_streams();
  auto options = parse_snapshot_options(words);
  if (!options) return complain_of_usage("snapshot", options.error());
  if (options->wants_help) return print_or_complain(snapshot_help());
  if (options->image == "-") return complain_of_usage("snapshot", "IMAGE cannot be standard input");
  return run_with(*std::move(options), words, "snapshot");
}

}  // namespace hermitage::cli
