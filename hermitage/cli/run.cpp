// hermitage run: runs a kernel or an image in a virtual machine, with a suitable engine.
#include <algorithm>
#include <csignal>
#include <expected>
#include <filesystem>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "hermitage/base/network.hpp"
#include "hermitage/cli/command.hpp"
#include "hermitage/cli/container_input.hpp"
#include "hermitage/cli/engines.hpp"
#include "hermitage/cli/options.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/cli/process.hpp"
#include "hermitage/cli/progress.hpp"
#include "hermitage/cli/run_options.hpp"
#include "hermitage/cli/run_report.hpp"
#include "hermitage/cli/time_limit.hpp"
#include "hermitage/inspect/quantities.hpp"
#include "hermitage/launch/config_file.hpp"
#include "hermitage/launch/engine.hpp"
#include "hermitage/launch/failure.hpp"
#include "hermitage/launch/kernel_source.hpp"
#include "hermitage/launch/launch_spec.hpp"
#include "hermitage/launch/run_request.hpp"

namespace hermitage::cli {
namespace {

using launch::OrFailure;

// The image is opened once, for any engine.
auto open_source(const std::string& name, const std::string& path) -> OrFailure<launch::KernelSource> {
  auto source = launch::KernelSource::open(path, launch::KernelSource::Streams::refuse);
  if (!source) return launch::not_started(name, source.error().message());
  return *std::move(source);
}

auto run_by_engine(const RunOptions& options, launch::RunRequest& request, launch::EngineChoice& choice,
                   TimeLimit& limit) -> OrFailure<ExitCode> {
  if (choice.engine == launch::Engine::qemu) {
    return run_in_qemu(options, request, limit, {std::move(choice.reason)});
  }
  auto outcome = run_in_monitor(options, request, limit);
  if (outcome) return outcome;
  auto next = launch::fallback(choice, outcome.error());
  if (!next) return outcome;
  return run_in_qemu(options, request, limit, {std::move(next->reason), true});
}

// Fails with wrong usage if an output file is the image at this path, or another output file.
auto check_outputs(const launch::LaunchSpec& spec, const RunOptions& options, const std::string& image)
    -> OrFailure<void> {
  const auto same = [](const std::string& a, const std::string& b) {
    std::error_code error;
    return std::filesystem::is_regular_file(a, error) && std::filesystem::equivalent(a, b, error);
  };
  std::vector<std::pair<const char*, std::string>> outputs{
      {"--output", spec.output.path}, {"--stats-file", options.stats_file},
      {"--pcap", spec.pcap},          {"--core", spec.core ? spec.core->path : ""},
      {"--timeline", spec.timeline},  {"--profile", spec.profile}};
  if (options.snapshot) outputs.emplace_back("-o", options.snapshot->file);
  std::erase_if(outputs, [](const auto& output) { return output.second.empty(); });
  for (auto output = outputs.begin(); output != outputs.end(); ++output) {
    const auto& [name, path] = *output;
    if (same(image, path)) return launch::wrong_usage(fmt::format("{} names the image itself", name));
    const auto other = std::find_if(std::next(output), outputs.end(), [&](const auto& candidate) {
      return candidate.second == path || same(candidate.second, path);
    });
    if (other != outputs.end())
      return launch::wrong_usage(fmt::format("{} and {} are the same file", name, other->first));
  }
  return {};
}

// Messages of the engines go to standard error.
auto callbacks() -> launch::RunCallbacks {
  return {.warn = warn,
          .tell = complain,
          .trace = [](std::string_view line) { print_error(fmt::format("{}\n", inspect::printable(line))); },
          .on_stop = hurry_errors};
}

void keep_path(RunOptions& options, const std::string& path) {
  const auto image = named_descriptors({&path, 1});
  options.kept_descriptors.insert(options.kept_descriptors.end(), image.begin(), image.end());
  std::ranges::sort(options.kept_descriptors);
}

// Makes a packed image of a container image, which `path` then names.
auto unpack_container(RunOptions& options, std::string& path) -> OrFailure<void> {
  ProgressBar progress{options.image};
  const auto packed = pack_container(path, {.progress = std::ref(progress)});
  if (!packed) return launch::not_started(options.image, packed.error().message());
  if (!*packed) return {};
  if (options.dry_run)
    return launch::wrong_usage("--dry-run cannot print a command for a container image, which QEMU does not read");
  auto kept = keep_file(**packed);
  if (!kept) return launch::not_started(options.image, std::move(kept.error()));
  path = *std::move(kept);
  keep_path(options, path);
  return {};
}

auto wanted_engine(const launch::LaunchOptions& options) -> launch::Engine {
  return options.engine.value_or(options.kvm_fd ? launch::Engine::kvm : launch::Engine::any);
}

// `path` is that of the image.
auto run_image_at(std::string path, RunOptions& options, launch::LaunchSources sources, TimeLimit& limit)
    -> OrFailure<ExitCode> {
  const auto spec = launch::make_launch_spec(options.image, sources);
  if (!spec) return std::unexpected{spec.error()};
  if (auto checked = check_outputs(*spec, options, path); !checked) {
    return std::unexpected{checked.error()};
  }
  const auto wanted = wanted_engine(launch::merged(sources));
  if (wanted == launch::Engine::qemu && options.kvm_fd) {
    return launch::wrong_usage("--kvm-fd is an option for the engine kvm");
  }
  auto choice = launch::choose_engine(wanted, launch::engine_facts(wanted, option_for_qemu(options)));
  if (!choice) return std::unexpected{choice.error()};
  if (auto unpacked = unpack_container(options, path); !unpacked) return std::unexpected{unpacked.error()};
  auto source = open_source(options.image, path);
  if (!source) return std::unexpected{source.error()};
  launch::RunRequest request{.image = options.image,
                             .sources = std::move(sources),
                             .source = *std::move(source),
                             .deadline = limit.end(),
                             .callbacks = callbacks(),
                             .started_at = process_start(),
                             .traces = options.trace,
                             .times_hypercalls = !options.stats_file.empty(),
                             .snapshot = options.snapshot};
  if (request.snapshot || request.source.kind() == launch::KernelSource::Kind::snapshot) {
    if (auto required = launch::require_monitor(*choice, options.image); !required) {
      return std::unexpected{required.error()};
    }
  }
  return run_by_engine(options, request, *choice, limit);
}

// Options from the environment and from a configuration file.
auto read_sources(const RunOptions& options, const char* command) -> std::expected<launch::LaunchSources, ExitCode> {
  const launch::LaunchOptions& command_line = options;
  launch::LaunchSources sources{.command_line = command_line};
  auto environment = launch::options_of_environment(options);
  if (!environment) return std::unexpected{complain_of_usage(command, environment.error().text)};
  sources.environment = *std::move(environment);
  const auto config = launch::merged(sources).config;
  if (config.empty()) return sources;
  std::vector<std::string> warnings;
  auto file = launch::read_config_file(config, warnings);
  if (!file) {
    complain(file.error().subject, file.error().text);
    return std::unexpected{ExitCode::usage};
  }
  for (const auto& warning : warnings) warn(warning);
  sources.config_file = *std::move(file);
  return sources;
}

auto run_machine(RunOptions& options, const char* command) -> ExitCode {
  // With SIGPIPE ignored, a write to a closed pipe fails with EPIPE, which is reported.
  ::signal(SIGPIPE, SIG_IGN);
  TimeLimit limit{launch::timeout_of(options), options.image};
  auto sources = read_sources(options, command);
  if (!sources) return sources.error();
  auto path = options.image;
  if (options.image == "-") {
    if (options.dry_run) return complain_of_usage(command, "--dry-run cannot read IMAGE from standard input");
    auto file = launch::keep_standard_input();
    if (!file) {
      complain(options.image, file.error().message());
      return ExitCode::not_started;
    }
    path = std::move(*file);
    keep_path(options, path);
  }
  const auto outcome = run_image_at(std::move(path), options, *std::move(sources), limit);
  if (outcome) return *outcome;
  complain(outcome.error().subject, outcome.error().text);
  return exit_code_of(outcome.error());
}

void keep_descriptor(RunOptions& options, int number) {
  if (number <= STDERR_FILENO || ::fcntl(number, F_GETFD) < 0) return;
  auto& kept = options.kept_descriptors;
  const auto place = std::ranges::lower_bound(kept, number);
  if (place == kept.end() || *place != number) kept.insert(place, number);
}

// An option or a variable can name the descriptor of the network.
void keep_network_descriptor(RunOptions& options) {
  const auto environment = launch::options_of_environment(options);
  const auto name = options.net ? options.net : environment ? environment->net : std::nullopt;
  const auto network = base::parse_network(name.value_or("none"));
  if (network) keep_descriptor(options, network->descriptor);
}

}  // namespace

auto run_with(RunOptions options, const Words& words, const char* command) -> ExitCode {
  options.kept_descriptors = named_descriptors(words);
  keep_network_descriptor(options);
  keep_descriptor(options, options.kvm_fd.value_or(-1));
  // --qemu-arg can name a descriptor in other ways.
  if (options.sandbox != "none") close_inherited_descriptors(options.kept_descriptors);
  return run_machine(options, command);
}

auto run_guest(const Words& words) -> ExitCode {
  discard_closed_streams();
  auto options = parse_run_options(words);
  if (!options) return complain_of_usage("run", options.error());
  if (options->wants_help) return print_or_complain(run_help());
  return run_with(*std::move(options), words, "run");
}

}  // namespace hermitage::cli
