#include "hermitage/oci/program.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <expected>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/image/config.hpp"
#include "hermitage/oci/bundle.hpp"
#include "hermitage/oci/command_line.hpp"
#include "hermitage/oci/container.hpp"
#include "hermitage/oci/exec.hpp"
#include "hermitage/oci/hermit_program.hpp"
#include "hermitage/oci/image/json.hpp"
#include "hermitage/oci/log.hpp"
#include "hermitage/oci/network.hpp"
#include "hermitage/oci/process.hpp"
#include "hermitage/oci/root_file_system.hpp"
#include "hermitage/oci/settings.hpp"
#include "hermitage/version.h"

namespace hermitage::oci {
namespace {

using Words = std::vector<std::string>;

constexpr int kFailed = 1;
constexpr unsigned kMostPreserved = 1 << 16;         // the runtime refuses larger numbers
constexpr int kFirstDescriptor = STDERR_FILENO + 1;  // that an engine can pass on

// The number of descriptors above 2 that the engine passes on to the container.
auto preserved_count(const CommandLine& line) -> unsigned {
  const auto text = line.option("preserve-fds").value_or("0");
  unsigned count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return std::min(count, kMostPreserved);
}

// Gives an open file this number, in the container as well.
auto pass_on(const base::Descriptor& file, int number) -> std::expected<void, std::string> {
  // A copy above the number: dup2() does not clear FD_CLOEXEC if both are the same.
  const base::Descriptor copy{::fcntl(file.get(), F_DUPFD_CLOEXEC, number + 1)};
  if (copy.is_open() && ::dup2(copy.get(), number) == number) return {};
  return std::unexpected{fmt::format("dup2 to descriptor {}: {}", number, std::strerror(errno))};
}

// The user of the container may not be allowed to open it.
auto open_kvm() -> std::expected<base::Descriptor, std::string> {
  base::Descriptor device{::open("/dev/kvm", O_RDWR | O_CLOEXEC)};
  if (device.is_open()) return device;
  return std::unexpected{fmt::format("open /dev/kvm: {}; `hermitage doctor` says what to do", std::strerror(errno))};
}

// The requirements of a kernel from a packed image, whose configuration is in the root file system.
auto requirements_of(const HermitProgram& program, const RootFileSystem& root)
    -> std::expected<image::Config, std::string> {
  if (program.kind == HermitProgram::Kind::image) return image::Config{};
  const auto text = root.read("/hermit.toml", image::kMaxConfigSize);
  if (!text) return image::Config{};
  std::vector<image::Problem> warnings;
  auto config = image::parse_config(*text, warnings, "hermit.toml");
  if (!config) return std::unexpected{config.error().message()};
  const auto strip = [](std::string_view path) {
    while (path.starts_with('/') || path.starts_with("./")) path.remove_prefix(1);
    return path;
  };
  if (strip(config->kernel) != strip(program.path)) return image::Config{};
  return *std::move(config);
}

// The files that a container gets in addition to those of the engine, from the descriptor `first` on.
struct Passed {
  int first = kFirstDescriptor;
  base::Descriptor kvm = {};
  std::optional<GuestNetwork> network = {};

  [[nodiscard]] auto count() const -> unsigned { return network ? 2 : 1; }

  // Gives the files their numbers. This process must need no other descriptor with such a number any more.
  [[nodiscard]] auto number() && -> std::expected<void, std::string> {
    // Above the numbers, so that none of them is in the way of another.
    const base::Descriptor device{::fcntl(kvm.get(), F_DUPFD_CLOEXEC, first + 2)};
    const base::Descriptor link{network ? ::fcntl(network->link.get(), F_DUPFD_CLOEXEC, first + 2) : -1};
    const bool has_network = network.has_value();
    kvm = base::Descriptor{};
    network.reset();
    if (auto passed = pass_on(device, first); !passed || !has_network) return passed;
    return pass_on(link, first + 1);
  }
};

// How to become the runtime.
struct Start {
  Words words;
  std::optional<Passed> passed = {};
};

// A configuration that is already that of a Hermit container: either another runtime has passed it to this one, with
// /dev/kvm, or the bundle is used again.
auto prepare_again(const CommandLine& line, int kvm, unsigned preserved) -> std::expected<Start, std::string> {
  const int first = kFirstDescriptor + static_cast<int>(preserved);
  if (kvm < first) return Start{line.words()};
  if (kvm > first) {
    return std::unexpected{"config.json is that of a Hermit container with a higher --preserve-fds; make it again"};
  }
  auto device = open_kvm();
  if (!device) return std::unexpected{device.error()};
  return Start{.words = line.preserving(preserved + 1), .passed = Passed{.first = first, .kvm = *std::move(device)}};
}

// The snapshot that the annotation names; empty without the annotation.
auto find_snapshot(const Json& config, const RootFileSystem& root) -> std::expected<std::string, std::string> {
  auto path = snapshot_in(config);
  if (!path || path->empty() || root.read(*path, 1)) return path;
  return std::unexpected{fmt::format("annotation {}: the image has no file {}", kSnapshotAnnotation, *path)};
}

// Rewrites the configuration of a Hermit container, and opens what it needs.
auto prepare_hermit_container(const CommandLine& line, const Bundle& bundle, const HermitProgram& program,
                              const RootFileSystem& root, const std::string& monitor)
    -> std::expected<Start, std::string> {
  if (std::getenv("LISTEN_FDS") != nullptr) return std::unexpected{"a guest has no sockets of the host (LISTEN_FDS)"};
  const auto preserved = preserved_count(line);
  const int first = kFirstDescriptor + static_cast<int>(preserved);
  auto requirements = requirements_of(program, root);
  if (!requirements) return std::unexpected{requirements.error()};
  auto device = open_kvm();
  if (!device) return std::unexpected{device.error()};
  const auto plan = plan_network(bundle.config());
  if (!plan) return std::unexpected{plan.error()};
  const auto snapshot = find_snapshot(bundle.config(), root);
  if (!snapshot) return std::unexpected{snapshot.error()};
  const auto nameservers = nameservers_of(bundle.config());
  auto network = open_network(*plan, nameservers);
  if (!network) return std::unexpected{network.error()};
  ContainerFacts facts{
      .monitor = monitor, .root = bundle.root(), .kvm = first, .requirements = *std::move(requirements)};
  facts.snapshot = *snapshot;
  if (*network) {
    facts.net =
        snapshot->empty() ? (*network)->option(first + 1, nameservers) : (*network)->option_for_snapshot(first + 1);
  }
  const auto config = make_hermit_container(bundle.config(), program, facts);
  if (!config) return std::unexpected{config.error()};
  if (auto replaced = bundle.replace(*config); !replaced) return std::unexpected{replaced.error()};
  Passed passed{.first = first, .kvm = *std::move(device), .network = *std::move(network)};
  auto words = line.preserving(preserved + passed.count());
  return Start{.words = std::move(words), .passed = std::move(passed)};
}

// A bundle of any other program is passed on unchanged.
auto prepare(const CommandLine& line, const Settings& settings) -> std::expected<Start, std::string> {
  const auto bundle = Bundle::read(line);
  const auto* const process = bundle ? member(bundle->config(), "process") : nullptr;
  if (process == nullptr) return Start{line.words()};
  const auto monitor = monitor_path(settings);
  if (monitor && is_hermit_container(bundle->config(), *monitor)) {
    return prepare_again(line, *kvm_descriptor_of(bundle->config()), preserved_count(line));
  }
  const auto root = RootFileSystem::open(bundle->root());
  if (!root) return Start{line.words()};
  const auto program = find_hermit_program(*process, *root);
  if (!program) return Start{line.words()};
  if (!monitor) return std::unexpected{monitor.error()};
  return prepare_hermit_container(line, *bundle, *program, *root, *monitor);
}

// The state of the Hermit container that the command line names; nothing for other containers.
auto hermit_state(const CommandLine& line, const std::string& runtime) -> std::optional<Json> {
  if (line.operands().empty()) return std::nullopt;
  const auto text = output_of(runtime, line.query({"state", line.operands().front()}));
  auto state = text ? parse_json(*text) : std::nullopt;
  const auto* const annotations = state ? member(*state, "annotations") : nullptr;
  if (annotations == nullptr || member(*annotations, kKernelAnnotation) == nullptr) return std::nullopt;
  return state;
}

// Returns the exit status.
auto exec(const CommandLine& line, const Json& state) -> std::expected<int, std::string> {
  const auto request = read_exec_request(line);
  if (!request) return std::unexpected{request.error()};
  const auto monitor = integer_of(member(state, "pid")).value_or(0);
  if (string_of(member(state, "status")) != "running" || monitor <= 0) {
    return std::unexpected{"exec: the container is not running"};
  }
  return exec_in_guest(*request, static_cast<pid_t>(monitor));
}

// The reason why a Hermit container cannot have this command; nothing for others.
auto refusal_of(std::string_view command) -> std::optional<std::string_view> {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kRefusals{{
      {"checkpoint", "checkpoint: a Hermit container cannot be checkpointed"},
      {"restore", "restore: a Hermit container cannot be restored"},
  }};
  const auto* const found =
      std::ranges::find(kRefusals, command, &std::pair<std::string_view, std::string_view>::first);
  return found == kRefusals.end() ? std::nullopt : std::optional{found->second};
}

auto start_of(const CommandLine& line, const Settings& settings, const std::string& runtime)
    -> std::expected<Start, std::string> {
  const auto command = line.command();
  if (command == "create" || command == "run") return prepare(line, settings);
  const auto refusal = refusal_of(command);
  if (refusal && hermit_state(line, runtime)) return std::unexpected{std::string{*refusal}};
  return Start{line.words()};
}

auto asks_for_version(const CommandLine& line) -> bool {
  return line.command().empty() && (line.global_option("version") || line.global_option("v"));
}

auto fail(const CommandLine& line, std::string_view message) -> int {
  report_error(line, message);
  return kFailed;
}

// Engines read the first line, so that of this program comes last.
auto print_versions(const CommandLine& line, const std::string& runtime) -> int {
  const auto status = run(runtime, line.words());
  if (!status) return fail(line, fmt::format("cannot start the runtime {}", runtime));
  constexpr std::string_view kText = "hermitage-oci version " HERMITAGE_VERSION_STRING "\n";
  return ::write(STDOUT_FILENO, kText.data(), kText.size()) < 0 ? kFailed : *status;
}

}  // namespace

auto run_program(std::vector<std::string> words) -> int {
  const CommandLine line{std::move(words)};
  const auto settings = read_settings();
  if (!settings) return fail(line, settings.error());
  const auto runtime = runtime_path(*settings);
  if (!runtime) return fail(line, runtime.error());
  if (asks_for_version(line)) return print_versions(line, *runtime);
  if (line.command() == "exec") {
    if (const auto state = hermit_state(line, *runtime)) {
      const auto status = exec(line, *state);
      return status ? *status : fail(line, status.error());
    }
  }
  auto start = start_of(line, *settings, *runtime);
  if (!start) return fail(line, start.error());
  if (start->passed) {
    if (auto numbered = (*std::move(start->passed)).number(); !numbered) return fail(line, numbered.error());
  }
  return fail(line, fmt::format("execv {}: {}", *runtime, std::strerror(become(*runtime, start->words))));
}

}  // namespace hermitage::oci
