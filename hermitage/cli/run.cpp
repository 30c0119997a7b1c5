// hermitage run: a Hermit kernel or image in a virtual machine.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include <fmt/format.h>
#include <unistd.h>

#include "hermitage/cli/command.hpp"
#include "hermitage/cli/options.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/cli/run_options.hpp"
#include "hermitage/cli/run_report.hpp"
#include "hermitage/entry/format.hpp"
#include "hermitage/entry/quantity.hpp"
#include "hermitage/image/gunzip.hpp"
#include "hermitage/image/image.hpp"
#include "hermitage/vmm/machine.hpp"
#include "hermitage/vmm/mapped_file.hpp"

namespace hermitage::cli {
namespace {

using vmm::Machine;

constexpr int kSignalBase = 128;

// The machine that a signal ends.
std::atomic<Machine*> running_machine = nullptr;

void end_run(int signal) {
  if (auto* const machine = running_machine.load()) machine->stop(signal);
}

// While it is there, the signals by which people end programs end the guest, and the rest is cleaned up. Nothing else
// that happens to output or files ends the program behind its back.
class SignalsEndRun {
 public:
  explicit SignalsEndRun(Machine& machine) {
    running_machine = &machine;
    struct sigaction action{};
    action.sa_handler = end_run;
    action.sa_flags = SA_RESTART;
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
      // Who starts the program with a signal ignored, as nohup does, means it.
      struct sigaction before{};
      if (::sigaction(signal, nullptr, &before) == 0 && before.sa_handler != SIG_IGN) {
        ::sigaction(signal, &action, nullptr);
      }
    }
  }
  SignalsEndRun(const SignalsEndRun&) = delete;
  auto operator=(const SignalsEndRun&) -> SignalsEndRun& = delete;
  ~SignalsEndRun() { running_machine = nullptr; }
};

struct Failure {
  ExitCode exit_code = ExitCode::not_started;
  std::string subject;
  std::string message;
};
template <class T>
using Outcome = std::expected<T, Failure>;

auto usage(std::string message) -> std::unexpected<Failure> {
  return std::unexpected{Failure{ExitCode::usage, {}, std::move(message)}};
}

auto not_started(std::string subject, std::string message) -> std::unexpected<Failure> {
  return std::unexpected{Failure{ExitCode::not_started, std::move(subject), std::move(message)}};
}

auto failure_of(const std::string& subject, vmm::Error error) -> std::unexpected<Failure> {
  const bool is_usage = error.code == vmm::ErrorCode::configuration;
  return std::unexpected{
      Failure{is_usage ? ExitCode::usage : ExitCode::not_started, subject, std::move(error.message)}};
}

void warn(std::string_view line) {
  complain("warning", line);
}

auto parse_size(std::string_view option, const std::optional<std::string>& text, std::uint64_t otherwise)
    -> Outcome<std::uint64_t> {
  if (!text) return otherwise;
  const auto size = entry::parse_quantity(*text);
  if (!size) return usage(fmt::format("{} '{}': not a size such as 64M, 512MiB or 2G", option, *text));
  return *size;
}

auto parse_output(const std::optional<std::string>& output) -> vmm::OutputTarget {
  if (!output) return vmm::StandardOutput{};
  if (*output == "none") return vmm::NoOutput{};
  return vmm::OutputFile{*output};
}

auto key_of(std::string_view variable) -> std::string_view {
  return variable.substr(0, variable.find('='));
}

// Those of the user, of which the last with one name counts, in their order; then those of the image that the user has
// not set.
auto environment_of(const std::vector<std::string>& given, const std::vector<std::string>& of_image)
    -> Outcome<std::vector<std::string>> {
  std::vector<std::string> all;
  const auto is_set = [&all](std::string_view key) {
    return std::ranges::any_of(all, [key](const std::string& variable) { return key_of(variable) == key; });
  };
  if (std::ranges::find(given, "host") != given.end()) {
    if (given.size() > 1) warn("-e host passes the host's variables, and no others");
    for (auto** variable = environ; *variable != nullptr; ++variable) all.emplace_back(*variable);
    return all;
  }
  for (const auto& variable : given) {
    if (variable.find('=') == std::string::npos || variable.starts_with('=')) {
      return usage(fmt::format("-e '{}': not KEY=VALUE, and not host", variable));
    }
    std::erase_if(all, [&](const std::string& earlier) { return key_of(earlier) == key_of(variable); });
    all.push_back(variable);
  }
  for (const auto& variable : of_image) {
    if (!is_set(key_of(variable))) all.push_back(variable);
  }
  return all;
}

// What is to be run: a kernel, and what the image around it says and holds. Of these, the guest needs nothing any more
// once its machine is made.
struct Guest {
  vmm::MappedFile file;
  std::optional<image::Image> image = std::nullopt;
  std::vector<std::byte> unpacked = {};  // the image as the kernel is to find it, if it is

  [[nodiscard]] auto kernel() const -> vmm::KernelSource {
    if (image) return {.elf = image->kernel()};
    return {.elf = file.bytes(), .descriptor = file.descriptor()};
  }
};

auto read_guest(const std::string& path, vmm::MappedFile file) -> Outcome<Guest> {
  Guest guest{.file = std::move(file)};
  const auto bytes = guest.file.bytes();
  switch (entry::detect_format(bytes)) {
    case entry::Format::elf: return guest;
    case entry::Format::gzip: break;
    case entry::Format::unknown: return not_started(path, "is neither a Hermit kernel nor a Hermit image");
  }
  auto opened = image::Image::open(bytes);
  if (!opened) return not_started(path, opened.error().message());
  guest.image = std::move(*opened);
  return guest;
}

auto open_guest(const std::string& path, bool passes_image) -> Outcome<Guest> {
  auto file = vmm::MappedFile::open(path);
  if (!file) return not_started(path, std::move(file.error().message));
  auto guest = read_guest(path, std::move(*file));
  if (!guest || !guest->image) return guest;
  for (const auto& problem : guest->image->warnings()) warn(fmt::format("{}: {}", path, problem.message()));
  if (passes_image) {
    auto unpacked = image::gunzip(guest->file.bytes(), image::Limits{}.unpacked_size);
    if (!unpacked) return not_started(path, unpacked.error().message());
    guest->unpacked = std::move(*unpacked);
  }
  return guest;
}

// The image's own files, as the guest sees them.
void add_files(vmm::GuestFiles& files, const image::Image& image) {
  for (const auto& file : image.files()) {
    switch (file.kind) {
      case image::FileKind::regular: files.add_file(file.path, file.contents, file.size, file.mode); break;
      case image::FileKind::directory: files.add_directory(file.path); break;
      case image::FileKind::symbolic_link: files.add_link(file.path, file.link_target); break;
    }
  }
}

auto round_up(std::uint64_t size) -> std::uint64_t {
  return (size + vmm::kMemoryUnit - 1) / vmm::kMemoryUnit * vmm::kMemoryUnit;
}

auto check_requirements(const RunOptions& options, const image::Config& config, const vmm::MachineOptions& machine)
    -> Outcome<void> {
  if (config.memory && round_up(*config.memory) > machine.memory_size) {
    return not_started(
        options.image,
        fmt::format("asks for {} MiB of memory at least, and gets {} MiB; give it more with --memory-size",
                    round_up(*config.memory) >> 20, machine.memory_size >> 20));
  }
  if (config.cpus > machine.cpu_count) {
    return not_started(options.image, fmt::format("asks for {} processors at least, and gets {}; give it more with "
                                                  "--cpu-count",
                                                  config.cpus, machine.cpu_count));
  }
  return {};
}

// Sanitizers make system calls, and look into files, at any time: a program that has them runs without walls.
#ifdef HERMITAGE_HAS_SANITIZERS
constexpr bool kCanBeWalledIn = false;
#else
constexpr bool kCanBeWalledIn = true;
#endif

auto walls_of(const RunOptions& options) -> Outcome<vmm::WallOptions> {
  using vmm::FileIsolation;
  constexpr const char* kDefault = kCanBeWalledIn ? "normal" : "none";
  const auto files = options.file_isolation.value_or(kDefault);
  const auto sandbox = options.sandbox.value_or(kDefault);
  if (files != "none" && files != "normal" && files != "strict") {
    return usage(fmt::format("--file-isolation '{}': not one of none, normal and strict", files));
  }
  if (sandbox != "none" && sandbox != "normal") {
    return usage(fmt::format("--sandbox '{}': neither none nor normal", sandbox));
  }
  if (!kCanBeWalledIn && (files != "none" || sandbox != "none")) {
    return not_started({}, "this program was built with sanitizers, which have no place in a sandbox");
  }
  return vmm::WallOptions{.file_isolation = files == "none"     ? FileIsolation::none
                                            : files == "strict" ? FileIsolation::strict
                                                                : FileIsolation::normal,
                          .sandbox = sandbox == "normal",
                          .around_caller = true};
}

auto machine_options(const RunOptions& options) -> Outcome<vmm::MachineOptions> {
  const auto memory_size = parse_size("--memory-size", options.memory_size, vmm::kDefaultMemory);
  if (!memory_size) return std::unexpected{memory_size.error()};
  auto affinity = options.affinity ? parse_affinity(*options.affinity) : std::vector<unsigned>{};
  if (!affinity) {
    return usage(fmt::format("--affinity '{}': not a list of processors such as 0-1,3", *options.affinity));
  }
  const auto walls = walls_of(options);
  if (!walls) return std::unexpected{walls.error()};
  vmm::MachineOptions machine{.memory_size = *memory_size,
                              .cpu_count = options.cpu_count.value_or(1),
                              .affinity = std::move(*affinity),
                              .randomizes_addresses = !options.no_aslr,
                              .huge_pages = options.huge_pages,
                              .merges_pages = options.merges_pages,
                              .timer = options.timer,
                              .manages_power = options.manages_power,
                              .output = parse_output(options.output),
                              .walls = *walls};
  if (options.timeout_seconds) machine.timeout = std::chrono::nanoseconds{std::llround(*options.timeout_seconds * 1e9)};
  if (options.trace) machine.trace = [](std::string_view line) { print_error(fmt::format("{}\n", line)); };
  machine.warn = [image = options.image](std::string_view line) { warn(fmt::format("{}: {}", image, line)); };
  return machine;
}

auto set_arguments(vmm::MachineOptions& machine, const RunOptions& options, const image::Config& config)
    -> Outcome<void> {
  auto words = split_words(options.words);
  if (options.words.empty()) words = {.kernel = config.kernel_args, .application = config.app_args};
  auto environment = environment_of(options.env_vars, config.env_vars);
  if (!environment) return std::unexpected{environment.error()};
  machine.arguments = {.program = options.image,
                       .kernel = std::move(words.kernel),
                       .application = std::move(words.application),
                       .environment = std::move(*environment)};
  return {};
}

auto wants_image_passed(const RunOptions& options) -> Outcome<bool> {
  const auto mode = options.image_mode.value_or("external");
  if (mode != "external" && mode != "internal") {
    return usage(fmt::format("--hermit-image-mode '{}': neither external nor internal", mode));
  }
  return mode == "internal";
}

// Whether it is there, only a guest finds out that makes a file.
auto default_tempdir() -> std::string {
  const auto* const chosen = std::getenv("TMPDIR");
  return chosen != nullptr && *chosen != '\0' ? chosen : "/tmp";
}

auto files_of(const RunOptions& options, const Guest& guest, bool passes_image) -> Outcome<vmm::GuestFiles> {
  vmm::GuestFileOptions made{.temporary_parent = options.tempdir.value_or(default_tempdir())};
  const auto limit = parse_size("--temp-limit", options.temp_limit, made.temporary_limit);
  if (!limit) return std::unexpected{limit.error()};
  made.temporary_limit = *limit;
  if (options.io_mode) {
    const auto mode = parse_io_mode(*options.io_mode);
    if (!mode) return usage(fmt::format("--io-mode '{}': not host=direct, host=sync or both", *options.io_mode));
    made.bypasses_cache = mode->is_direct;
    made.is_synchronous = mode->is_synchronous;
  }
  vmm::GuestFiles files{std::move(made)};
  if (guest.image && !passes_image) add_files(files, *guest.image);
  std::vector<vmm::FileMapping> mappings;
  for (const auto& [host, path, is_read_only] : options.file_mappings) mappings.push_back({host, path, is_read_only});
  if (auto added = files.add_mappings(std::move(mappings)); !added) {
    return usage(fmt::format("--file-mapping: {}", added.error().message));
  }
  return files;
}

// A machine, and what there is to do afterwards, when nothing can be opened any more.
struct Run {
  Machine machine;
  vmm::Descriptor image;
  std::optional<LateFile> stats_file;
};

auto prepare_run(const RunOptions& options) -> Outcome<Run> {
  auto machine = machine_options(options);
  if (!machine) return std::unexpected{machine.error()};
  const auto passes_image = wants_image_passed(options);
  if (!passes_image) return std::unexpected{passes_image.error()};
  std::optional<LateFile> stats_file;
  if (!options.stats_file.empty()) {
    auto opened = LateFile::open(options.stats_file);
    if (!opened) return std::unexpected{Failure{ExitCode::usage, options.stats_file, std::move(opened.error())}};
    stats_file = std::move(*opened);
  }
  auto guest = open_guest(options.image, *passes_image);
  if (!guest) return std::unexpected{guest.error()};

  const image::Config no_config;
  const auto& config = guest->image ? guest->image->config() : no_config;
  if (auto checked = check_requirements(options, config, *machine); !checked) return std::unexpected{checked.error()};
  if (auto set = set_arguments(*machine, options, config); !set) return std::unexpected{set.error()};

  auto files = files_of(options, *guest, *passes_image);
  if (!files) return std::unexpected{files.error()};
  machine->image = guest->unpacked;
  machine->mounts = files->top_directories();
  auto made = Machine::create(guest->kernel(), std::move(*machine), std::move(*files));
  if (!made) return failure_of(options.image, std::move(made.error()));
  return Run{
      .machine = std::move(*made), .image = std::move(guest->file).release(), .stats_file = std::move(stats_file)};
}

auto exit_code_of(const vmm::Ending& ending) -> ExitCode {
  if (const auto* const exit = std::get_if<vmm::GuestExit>(&ending)) return static_cast<ExitCode>(exit->code & 0xff);
  if (const auto* const stopped = std::get_if<vmm::Stopped>(&ending)) {
    return static_cast<ExitCode>(kSignalBase + stopped->reason);
  }
  if (std::holds_alternative<vmm::TimedOut>(ending)) return ExitCode::timed_out;
  if (std::holds_alternative<vmm::OutputFailed>(ending)) return ExitCode::not_started;
  return ExitCode::guest_died;
}

// The registers of a guest that died, with the symbols of its kernel, if the image has not changed meanwhile.
void show_registers(const RunOptions& options, const vmm::GuestDeath& death, Run& run) {
  auto file = vmm::MappedFile::map(std::move(run.image));
  const auto guest = file ? read_guest(options.image, std::move(*file)) : not_started(options.image, {});
  const auto elf = guest ? guest->kernel().elf : std::span<const std::byte>{};
  print_error(registers_text(death, elf, run.machine.layout(), options.verbose));
}

void explain(const RunOptions& options, const vmm::Ending& ending, Run& run) {
  if (const auto* const death = std::get_if<vmm::GuestDeath>(&ending)) {
    complain(options.image, fmt::format("the guest died: {}", death->reason));
    show_registers(options, *death, run);
  } else if (std::holds_alternative<vmm::TimedOut>(ending)) {
    complain(options.image, fmt::format("still running after {:g} s; stopped (--timeout)", *options.timeout_seconds));
  } else if (const auto* const failed = std::get_if<vmm::OutputFailed>(&ending)) {
    complain(options.output.value_or("standard output"), std::strerror(failed->error_number));
  }
}

auto report(const RunOptions& options, const vmm::RunResult& result, std::optional<LateFile>& stats_file) -> ExitCode {
  if (options.stats) print_error(statistics_text(result.statistics));
  if (!stats_file) return ExitCode::good;
  if (const auto written = stats_file->write(statistics_json(result.statistics)); !written) {
    complain(options.stats_file, written.error());
    return ExitCode::usage;
  }
  return ExitCode::good;
}

auto run_machine(RunOptions options) -> ExitCode {
  // A reader that goes away, and a limit on file sizes, are errors of a write, and told as such.
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  if (!options.config.empty()) {
    std::vector<std::string> warnings;
    if (const auto added = add_config_file(options, options.config, warnings); !added) {
      complain({}, added.error());
      return ExitCode::usage;
    }
    for (const auto& warning : warnings) warn(warning);
  }
  auto run = prepare_run(options);
  if (!run) {
    complain(run.error().subject, run.error().message);
    return run.error().exit_code;
  }
  const SignalsEndRun signals{run->machine};
  const auto result = run->machine.run();
  if (!result) {
    complain(options.image, result.error().message);
    return ExitCode::not_started;
  }
  explain(options, result->ending, *run);
  const auto exit_code = exit_code_of(result->ending);
  const auto reported = report(options, *result, run->stats_file);
  return exit_code == ExitCode::good ? reported : exit_code;
}

}  // namespace

auto run_guest(const Words& words) -> ExitCode {
  auto options = parse_run_options(words);
  if (!options) return complain_of_usage("run", options.error());
  return options->wants_help ? print_or_complain(run_help()) : run_machine(std::move(*options));
}

}  // namespace hermitage::cli
