#include "hermitage/launch/monitor.hpp"

#include <csignal>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "hermitage/launch/clones.hpp"
#include "hermitage/launch/machine_options.hpp"
#include "hermitage/launch/mapped_guest.hpp"
#include "hermitage/launch/network_options.hpp"
#include "hermitage/launch/output_hints.hpp"
#include "hermitage/launch/restored.hpp"
#include "hermitage/launch/snapshot_file.hpp"
#include "hermitage/version.h"
#include "hermitage/vmm/machine.hpp"
#include "hermitage/vmm/memory/mapped_file.hpp"
#include "hermitage/vmm/observe/profile.hpp"
#include "hermitage/vmm/observe/timeline.hpp"

namespace hermitage::launch {
namespace {

// Another engine may be able to run a kernel that this monitor cannot run on this host.
auto failure_of(const std::string& subject, vmm::Error error) -> std::unexpected<Failure> {
  using vmm::ErrorCode;
  const bool is_usage = error.code == ErrorCode::configuration;
  return std::unexpected{Failure{.code = is_usage ? Failure::Code::usage : Failure::Code::not_started,
                                 .subject = subject,
                                 .text = std::move(error.text),
                                 .is_the_engines = !is_usage && error.code != ErrorCode::host_failed}};
}

auto ending_of(const vmm::Ending& ending) -> Ending {
  if (const auto* const exit = std::get_if<vmm::GuestExit>(&ending)) return GuestExited{exit->code};
  if (const auto* const crash = std::get_if<vmm::GuestCrash>(&ending)) return GuestCrashed{crash->reason};
  if (const auto* const stopped = std::get_if<vmm::Stopped>(&ending)) return Stopped{stopped->reason};
  if (const auto* const failed = std::get_if<vmm::OutputFailed>(&ending)) return OutputFailed{failed->error_number};
  if (std::holds_alternative<vmm::Saved>(ending)) return GuestSaved{};
  return TimedOut{};
}

auto save_problem_of(const vmm::RunResult& result) -> std::string {
  return result.saved && !*result.saved ? result.saved->error().text : std::string{};
}

auto ending_of(const vmm::RunResult& result) -> Ending {
  auto ending = ending_of(result.ending);
  if (auto* const saved = std::get_if<GuestSaved>(&ending)) saved->problem = save_problem_of(result);
  return ending;
}

auto report_on(const LaunchSpec& spec, const vmm::RunResult& result, const OutputHints& hints) -> RunReport {
  const auto* const exit = std::get_if<vmm::GuestExit>(&result.ending);
  return {.ending = ending_of(result),
          .undelivered = result.undelivered_output,
          .lacked_network =
              exit != nullptr && spec.network.mode == base::NetworkMode::none && hints.lacked_network(exit->code),
          .lacked_memory = exit != nullptr && hints.lacked_memory(exit->code),
          .was_saved = result.saved && result.saved->has_value(),
          .save_problem = save_problem_of(result)};
}

using vmm::observe::Phase;
using vmm::observe::Timeline;

// Null if the spec does not request one.
auto make_timeline(const LaunchSpec& spec, const RunRequest& request) -> std::shared_ptr<Timeline> {
  if (spec.timeline.empty()) return nullptr;
  auto timeline = std::make_shared<Timeline>();
  if (!request.started_at) return timeline;
  vmm::observe::TimelineEvent event;
  event.name = "read options";
  event.begin = *request.started_at;
  event.duration = Timeline::Clock::now() - event.begin;
  timeline->phases().add(event);
  return timeline;
}

// The absolute path of the kernel's file. A debugger on this host can open it, unless the kernel is in an image.
auto absolute_path(const std::string& path) -> std::string {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error);
  return error ? path : absolute.lexically_normal().string();
}

auto add_debugger(const LaunchSpec& spec, std::span<const std::byte> elf, std::vector<std::byte>& copy,
                  const RunRequest& request, vmm::MachineOptions& options) -> OrFailure<void> {
  if (!spec.debug) return {};
  auto listener = vmm::debug::listen_at(spec.debug->place);
  if (!listener) return failure_of("--gdb", std::move(listener.error()));
  if (request.callbacks.tell) request.callbacks.tell(spec.image, debugger_notice(*spec.debug, listener->address));
  copy.assign(elf.begin(), elf.end());
  options.debug = vmm::debug::DebugOptions{.listener = *std::move(listener),
                                           .waits = spec.debug->waits,
                                           .file_name = absolute_path(spec.image),
                                           .file = copy};
  *options.debug->traces = request.traces;
  return {};
}

auto add_control(const LaunchSpec& spec, const RunCallbacks& callbacks, vmm::MachineOptions& options)
    -> OrFailure<void> {
  if (spec.control.empty()) return {};
  auto listener = vmm::listen_for_control(spec.control);
  if (!listener) return failure_of("--control", std::move(listener.error()));
  options.control = vmm::ControlOptions{.listener = *std::move(listener),
                                        .image = spec.image,
                                        .show_statistics = callbacks.show_statistics,
                                        .show_hypercalls = callbacks.show_hypercalls};
  return {};
}

auto core_of(const vmm::RunResult& result) -> std::optional<vmm::Result<CoreReport>> {
  if (!result.core) return std::nullopt;
  const auto& core = *result.core;
  if (!core) return std::unexpected{core.error()};
  return CoreReport{.size = core->size, .is_complete = core->is_complete};
}

auto add_core(const LaunchSpec& spec, vmm::MachineOptions& options) -> OrFailure<void> {
  if (!spec.core) return {};
  auto file = vmm::debug::open_core(spec.core->path);
  if (!file) return failure_of("--core", std::move(file.error()));
  options.core = vmm::debug::CoreOptions{.file = *std::move(file),
                                         .limit = spec.core->limit.value_or(vmm::debug::CoreOptions::kDefaultLimit),
                                         .on_exit = spec.core->on_exit,
                                         .on_stop = SIGQUIT,
                                         .image = spec.image,
                                         .program = "hermitage " HERMITAGE_VERSION_STRING};
  return {};
}

auto clone_warning(const std::string& snapshot) -> std::string {
  return fmt::format(
      "{}: a guest has already started from this snapshot, and its random number generators have the "
      "same state; --clones allow disables this warning",
      snapshot);
}

}  // namespace

// Its address must not change, because the machine's callbacks refer to it.
class MonitorRun::State {
 public:
  [[nodiscard]] auto options(const RunRequest& request, const vmm::IsolationOptions& isolation) -> vmm::MachineOptions;
  // `elf` is the kernel's file, which must exist as long as the machine.
  [[nodiscard]] auto add_snapshot(const RunRequest& request, std::span<const std::byte> elf,
                                  vmm::MachineOptions& options) -> OrFailure<void>;
  // Adds the socket for commands, the debugger, the core and the profile that the spec requests. `elf` is the kernel's
  // file.
  [[nodiscard]] auto add_observers(std::span<const std::byte> elf, const RunRequest& request,
                                   vmm::MachineOptions& options) -> OrFailure<void>;

  LaunchSpec spec;
  std::function<void(std::string_view)> warn;
  KernelSource::Kind kind = KernelSource::Kind::kernel;
  OutputHints output_hints;                          // get the machine's output
  std::shared_ptr<vmm::observe::Timeline> timeline;  // or null
  std::shared_ptr<vmm::observe::Profile> profile;    // or null
  std::vector<std::byte> debugged_file;              // the kernel's, for a debugger; must exist as long as the machine
  vmm::snapshot::SavedKernel saved_kernel;           // of a restored guest
  std::optional<vmm::Machine> machine;
  entry::GuestRange kernel;
  std::optional<vmm::RunResult> result;
  std::optional<vmm::Result<CoreReport>> core;
  std::optional<SnapshotFile> snapshot_file;

  // Open files for read_kernel(), which cannot open any after isolation.
  vmm::Descriptor image;
  std::optional<MappedGuest> guest;
};

MonitorRun::MonitorRun(std::unique_ptr<State> state) noexcept : state_{std::move(state)} {}
MonitorRun::MonitorRun(MonitorRun&&) noexcept = default;
MonitorRun::~MonitorRun() = default;

// The options that new and restored guests share, and the callbacks.
auto MonitorRun::State::options(const RunRequest& request, const vmm::IsolationOptions& isolation)
    -> vmm::MachineOptions {
  auto options = machine_options_of(spec, isolation);
  options.timeline = timeline;
  options.times_hypercalls = spec.stats || request.times_hypercalls;
  options.timeout = time_until(request.deadline);
  if (request.traces || spec.debug) options.trace = request.callbacks.trace;
  options.on_stop = request.callbacks.on_stop;
  options.on_output = [this](std::string_view output) { output_hints.take(output); };
  if (request.callbacks.warn) {
    warn = request.callbacks.warn;
    options.warn = [this](std::string_view line) { warn(fmt::format("{}: {}", spec.image, line)); };
  }
  return options;
}

// Refuses options with which the guest cannot be saved, before it starts.
auto MonitorRun::State::add_snapshot(const RunRequest& request, std::span<const std::byte> elf,
                                     vmm::MachineOptions& options) -> OrFailure<void> {
  if (!request.snapshot) return {};
  const auto& wanted = *request.snapshot;
  if (spec.network.vhost == base::Vhost::on) return wrong_usage("--net: a guest with vhost=on cannot be saved");
  spec.network.vhost = base::Vhost::off;
  if (spec.debug) return wrong_usage("a guest with a debugger cannot be saved; unset HERMIT_GDB_PORT");
  // Each sample interrupts a halted vCPU, so it is never idle.
  if (wanted.when_idle && !spec.profile.empty()) return wrong_usage("--when-idle and --profile exclude each other");
  if (wanted.when_idle && spec.manages_power) return wrong_usage("--when-idle and --cpu-pm exclude each other");
  if (!wanted.when_output.empty() && spec.output.kind == Output::Kind::none) {
    return wrong_usage("--when and --output none exclude each other");
  }
  auto file = SnapshotFile::create(wanted.file);
  if (!file) return not_started(wanted.file, file.error().message());
  snapshot_file = *std::move(file);
  options.snapshot = vmm::SnapshotOptions{
      .file = snapshot_file->release(),
      .image = spec.image,
      .when_output = wanted.when_output,
      .when_idle = wanted.when_idle,
      .after = wanted.after,
      .continues = wanted.continues,
      .kernel = elf,
      .publish = [this, name = wanted.file]() -> vmm::Result<void> {
        if (const auto published = snapshot_file->publish(); !published) {
          return vmm::fail(vmm::ErrorCode::host_failed, fmt::format("{}: {}", name, published.error().message()));
        }
        return {};
      }};
  return {};
}

auto MonitorRun::State::add_observers(std::span<const std::byte> elf, const RunRequest& request,
                                      vmm::MachineOptions& options) -> OrFailure<void> {
  if (auto added = add_control(spec, request.callbacks, options); !added) return added;
  if (auto added = add_debugger(spec, elf, debugged_file, request, options); !added) return added;
  if (auto added = add_core(spec, options); !added) return added;
  if (!spec.profile.empty()) profile = std::make_shared<vmm::observe::Profile>(spec.profile_rate);
  options.profile = profile;
  return {};
}

auto MonitorRun::prepare_restored(const RunRequest& request, const vmm::IsolationOptions& isolation,
                                  std::shared_ptr<vmm::observe::Timeline> timeline) -> OrFailure<MonitorRun> {
  if (auto checked = check_snapshot_options(request); !checked) return std::unexpected{checked.error()};
  auto state = std::make_unique<State>();
  state->timeline = std::move(timeline);
  auto spec = make_launch_spec(
      request.image,
      {.command_line = request.sources.command_line, .environment = {}, .config_file = request.sources.config_file});
  if (!spec) return std::unexpected{spec.error()};
  state->spec = *std::move(spec);
  const auto snapshot = open_snapshot(state->spec, request);
  if (!snapshot) return std::unexpected{snapshot.error()};
  auto files = files_of(state->spec, nullptr);
  if (!files) return std::unexpected{files.error()};
  auto options = state->options(request, isolation);
  options.accepts_changed_files = state->spec.accepts_stale_files.value_or(false);
  if (auto adapted = adapt_network(state->spec, snapshot->machine()); !adapted) {
    return std::unexpected{adapted.error()};
  }
  auto network = open_network(state->spec, options.warn);
  if (!network) return std::unexpected{std::move(network.error())};
  options.network = *std::move(network);
  auto kernel = snapshot->kernel_file();
  if (!kernel) return failure_of(request.image, std::move(kernel.error()));
  state->saved_kernel = *std::move(kernel);
  if (auto added = state->add_observers(state->saved_kernel.bytes, request, options); !added) {
    return std::unexpected{std::move(added.error())};
  }
  auto machine = vmm::Machine::restore(*snapshot, std::move(options), std::move(*files));
  if (!machine) return failure_of(request.image, std::move(machine.error()));
  const bool is_clone = note_start(noted_starts(), request.source.descriptor());
  if (is_clone && !state->spec.accepts_clones.value_or(false)) request.warn(clone_warning(request.image));
  const auto& memory = snapshot->machine().memory;
  state->spec.memory_size = memory.end.value - memory.start.value;
  state->kind = KernelSource::Kind::snapshot;
  state->kernel = machine->layout().kernel;
  state->machine.emplace(std::move(*machine));
  return MonitorRun{std::move(state)};
}

auto MonitorRun::prepare(const RunRequest& request) -> OrFailure<MonitorRun> {
  const auto without_image = make_launch_spec(request.image, request.sources);
  if (!without_image) return std::unexpected{without_image.error()};
  auto timeline = make_timeline(*without_image, request);
  std::optional<Phase> phase{std::in_place, timeline.get(), "read the image"};
  const auto isolation = isolation_of(*without_image);
  if (!isolation) return std::unexpected{isolation.error()};
  if (request.source.kind() == KernelSource::Kind::snapshot) {
    phase.reset();
    return prepare_restored(request, *isolation, std::move(timeline));
  }
  if (without_image->accepts_stale_files) return wrong_usage("--stale-files is for snapshots");
  if (without_image->accepts_clones) return wrong_usage("--clones is for snapshots");
  auto guest = open_guest(*without_image, request);
  if (!guest) return std::unexpected{guest.error()};

  phase.emplace(timeline.get(), "open the guest's files");
  auto spec = request.spec(guest->image ? guest->image->config() : image::Config{});
  if (!spec) return std::unexpected{spec.error()};
  auto files = files_of(*spec, guest->image ? &*guest->image : nullptr);
  if (!files) return std::unexpected{files.error()};
  auto state = std::make_unique<State>();
  state->spec = *std::move(spec);
  state->timeline = timeline;
  auto options = state->options(request, *isolation);
  options.image = guest->unpacked;
  options.mounts = files->top_directories();
  if (auto saver = state->add_snapshot(request, guest->kernel().elf, options); !saver)
    return std::unexpected{saver.error()};
  phase.emplace(timeline.get(), "open the network");
  auto network = open_network(state->spec, options.warn);
  if (!network) return std::unexpected{std::move(network.error())};
  options.network = *std::move(network);
  auto added = state->add_observers(guest->kernel().elf, request, options);
  if (!added) return std::unexpected{std::move(added.error())};
  phase.reset();
  auto machine = vmm::Machine::create(guest->kernel(), std::move(options), std::move(*files));
  if (!machine) return failure_of(request.image, std::move(machine.error()));
  state->kind = request.source.kind();
  state->kernel = machine->layout().kernel;
  state->machine.emplace(std::move(*machine));
  if (request.snapshot) {
    state->guest = *std::move(guest);
  } else {
    state->image = std::move(guest->file).release();
  }
  return MonitorRun{std::move(state)};
}

auto MonitorRun::spec() const noexcept -> const LaunchSpec& {
  return state_->spec;
}

auto MonitorRun::run() -> OrFailure<RunReport> {
  auto result = state_->machine->run();
  if (!result) return not_started(state_->spec.image, std::move(result.error().text));
  state_->result = *std::move(result);
  state_->core = core_of(*state_->result);
  return report_on(state_->spec, *state_->result, state_->output_hints);
}

void MonitorRun::stop(int signal) noexcept {
  state_->machine->stop(signal);
}

void MonitorRun::request_snapshot() noexcept {
  state_->machine->request_snapshot();
}

void MonitorRun::free_machine() noexcept {
  state_->machine.reset();
}

auto MonitorRun::crash() const noexcept -> const vmm::GuestCrash* {
  return state_->result ? std::get_if<vmm::GuestCrash>(&state_->result->ending) : nullptr;
}

auto MonitorRun::statistics() const noexcept -> const vmm::Statistics* {
  return state_->result ? &state_->result->statistics : nullptr;
}

auto MonitorRun::hypercalls() const noexcept -> std::span<const std::vector<std::string>> {
  if (!state_->result) return {};
  return state_->result->hypercalls;
}

auto MonitorRun::core() const noexcept -> const std::expected<CoreReport, vmm::Error>* {
  return state_->core ? &*state_->core : nullptr;
}

auto MonitorRun::timeline() const noexcept -> const vmm::observe::Timeline* {
  return state_->timeline.get();
}

auto MonitorRun::profile() const noexcept -> const vmm::observe::Profile* {
  return state_->profile.get();
}

auto MonitorRun::read_kernel() -> KernelPlace {
  KernelPlace place{.start = state_->kernel.start.value, .end = state_->kernel.end.value};
  if (state_->kind == KernelSource::Kind::snapshot) {
    place.elf = state_->saved_kernel.bytes;
    return place;
  }
  if (!state_->guest) {
    auto file = vmm::MappedFile::map(std::move(state_->image));
    if (!file) return place;
    auto guest = read_guest(state_->spec.image, state_->kind, std::move(*file));
    if (!guest) return place;
    state_->guest = *std::move(guest);
  }
  place.elf = state_->guest->kernel().elf;
  return place;
}

}  // namespace hermitage::launch
