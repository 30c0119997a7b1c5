// hermitage run: a Hermit kernel or image in a virtual machine, by the engine that can.
#include <algorithm>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "hermitage/cli/command.hpp"
#include "hermitage/cli/engines.hpp"
#include "hermitage/cli/input.hpp"
#include "hermitage/cli/options.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/cli/process.hpp"
#include "hermitage/cli/run_options.hpp"
#include "hermitage/cli/time_limit.hpp"

namespace hermitage::cli {
namespace {

auto run_by_any(const RunOptions& options, TimeLimit& limit) -> OrFailure<ExitCode> {
  if (const auto* const option = option_for_qemu(options)) return run_in_qemu(options, limit, {for_qemu_only(option)});
  if (const auto reason = why_no_monitor()) return run_in_qemu(options, limit, {*reason});
  auto outcome = run_in_monitor(options, limit);
  if (outcome || !outcome.error().is_the_engines) return outcome;
  return run_in_qemu(options, limit, {outcome.error().message, true});
}

auto run_by_engine(const RunOptions& options, TimeLimit& limit) -> OrFailure<ExitCode> {
  switch (options.engine.value_or(Engine::any)) {
    case Engine::any: return run_by_any(options, limit);
    case Engine::qemu: return run_in_qemu(options, limit, {});
    case Engine::kvm: break;
  }
  if (const auto* const option = option_for_qemu(options)) return wrong_usage(for_qemu_only(option));
  return run_in_monitor(options, limit);
}

auto run_machine(RunOptions& options) -> ExitCode {
  // A reader that goes away is an error of a write, and told as such.
  ::signal(SIGPIPE, SIG_IGN);
  TimeLimit limit{time_limit_of(options), options.image};
  if (!options.config.empty()) {
    std::vector<std::string> warnings;
    if (const auto added = add_config_file(options, options.config, warnings); !added) {
      complain({}, added.error());
      return ExitCode::usage;
    }
    for (const auto& warning : warnings) warn(warning);
  }
  if (options.image == "-") {
    if (options.dry_run) return complain_of_usage("run", "--dry-run needs an IMAGE with a name");
    auto file = keep_standard_input();
    if (!file) {
      complain(options.image, file.error());
      return ExitCode::not_started;
    }
    options.file = std::move(*file);
    const auto image = named_descriptors({&options.file, 1});
    options.kept_descriptors.insert(options.kept_descriptors.end(), image.begin(), image.end());
    std::ranges::sort(options.kept_descriptors);
  }
  const auto checked = check_outputs(options);
  const auto outcome = checked ? run_by_engine(options, limit) : std::unexpected{checked.error()};
  if (outcome) return *outcome;
  complain(outcome.error().subject, outcome.error().message);
  return outcome.error().exit_code;
}

}  // namespace

auto run_guest(const Words& words) -> ExitCode {
  discard_closed_streams();
  auto options = parse_run_options(words);
  if (!options) return complain_of_usage("run", options.error());
  options->kept_descriptors = named_descriptors(words);
  // An option for QEMU may name one in its own way.
  if (options->sandbox != "none") close_inherited_descriptors(options->kept_descriptors);
  return options->wants_help ? print_or_complain(run_help()) : run_machine(*options);
}

}  // namespace hermitage::cli
