// hermitage run: a Hermit kernel or image in a virtual machine, by the engine that can.
#include <algorithm>
#include <csignal>
#include <expected>
#include <string>
#include <utility>
#include <vector>

#include "hermitage/cli/command.hpp"
#include "hermitage/cli/engines.hpp"
#include "hermitage/cli/options.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/cli/process.hpp"
#include "hermitage/cli/run_options.hpp"
#include "hermitage/cli/run_request.hpp"
#include "hermitage/cli/time_limit.hpp"
#include "hermitage/launch/config_file.hpp"
#include "hermitage/launch/engine.hpp"
#include "hermitage/launch/launch_spec.hpp"

namespace hermitage::cli {
namespace {

// The image is opened once, for whichever engine runs it.
auto open_source(const std::string& name, const std::string& path) -> OrFailure<launch::KernelSource> {
  auto source = launch::KernelSource::open(path, launch::KernelSource::Streams::refuse);
  if (!source) return not_started(name, source.error().message());
  return *std::move(source);
}

auto run_by_engine(RunRequest& request, launch::EngineChoice& choice, TimeLimit& limit) -> OrFailure<ExitCode> {
  if (choice.engine == launch::Engine::qemu) return run_in_qemu(request, limit, {std::move(choice.reason)});
  auto outcome = run_in_monitor(request, limit);
  if (outcome || !choice.may_fall_back || !outcome.error().is_the_engines) return outcome;
  return run_in_qemu(request, limit, {outcome.error().message, true});
}

auto engine_facts(const RunOptions& options, launch::Engine wanted) -> launch::EngineFacts {
  launch::EngineFacts facts;
  if (const auto* const option = option_for_qemu(options)) facts.qemu_option = option;
  if (wanted == launch::Engine::any && !facts.qemu_option) facts.why_no_monitor = why_no_monitor();
  return facts;
}

// `path` is where the image is.
auto run_image_at(const std::string& path, RunOptions options, launch::LaunchSources sources, TimeLimit& limit)
    -> OrFailure<ExitCode> {
  const auto spec = launch::make_launch_spec(options.image, sources);
  if (!spec) return std::unexpected{spec.error()};
  if (auto checked = check_outputs(spec->output, options.stats_file, path); !checked) {
    return std::unexpected{checked.error()};
  }
  const auto wanted = launch::merged(sources).engine.value_or(launch::Engine::any);
  auto choice = launch::choose_engine(wanted, engine_facts(options, wanted));
  if (!choice) return std::unexpected{choice.error()};
  auto source = open_source(options.image, path);
  if (!source) return std::unexpected{source.error()};
  RunRequest request{.options = std::move(options), .sources = std::move(sources), .source = *std::move(source)};
  return run_by_engine(request, *choice, limit);
}

// What the environment and a configuration file say, beside the command line.
auto read_sources(const RunOptions& options) -> std::expected<launch::LaunchSources, ExitCode> {
  const launch::LaunchOptions& command_line = options;
  launch::LaunchSources sources{.command_line = command_line};
  auto environment = launch::options_of_environment(options);
  if (!environment) return std::unexpected{complain_of_usage("run", environment.error())};
  sources.environment = *std::move(environment);
  const auto config = launch::merged(sources).config;
  if (config.empty()) return sources;
  std::vector<std::string> warnings;
  auto file = launch::read_config_file(config, warnings);
  if (!file) {
    complain({}, file.error());
    return std::unexpected{ExitCode::usage};
  }
  for (const auto& warning : warnings) warn(warning);
  sources.config_file = *std::move(file);
  return sources;
}

auto run_machine(RunOptions& options) -> ExitCode {
  // A reader that goes away is an error of a write, and told as such.
  ::signal(SIGPIPE, SIG_IGN);
  TimeLimit limit{launch::timeout_of(options), options.image};
  auto sources = read_sources(options);
  if (!sources) return sources.error();
  auto path = options.image;
  if (options.image == "-") {
    if (options.dry_run) return complain_of_usage("run", "--dry-run needs an IMAGE with a name");
    auto file = launch::keep_standard_input();
    if (!file) {
      complain(options.image, file.error());
      return ExitCode::not_started;
    }
    path = std::move(*file);
    const auto image = named_descriptors({&path, 1});
    options.kept_descriptors.insert(options.kept_descriptors.end(), image.begin(), image.end());
    std::ranges::sort(options.kept_descriptors);
  }
  const auto outcome = run_image_at(path, std::move(options), *std::move(sources), limit);
  if (outcome) return *outcome;
  complain(outcome.error().subject, outcome.error().message);
  return exit_code_of(outcome.error());
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
