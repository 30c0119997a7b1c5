#include "hermitage/vmm/machine.hpp"

#include <algorithm>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "hermitage/vmm/boot_setup.hpp"
#include "hermitage/vmm/collected_writes.hpp"
#include "hermitage/vmm/control_server.hpp"
#include "hermitage/vmm/crash_record.hpp"
#include "hermitage/vmm/deferred_close.hpp"
#include "hermitage/vmm/devices/platform.hpp"
#include "hermitage/vmm/hypercalls/hypercalls.hpp"
#include "hermitage/vmm/kernel_loading.hpp"
#include "hermitage/vmm/machine_saver.hpp"
#include "hermitage/vmm/observe/stack_walk.hpp"
#include "hermitage/vmm/observe/timeline.hpp"
#include "hermitage/vmm/observe/vcpu_observer.hpp"
#include "hermitage/vmm/recordings.hpp"
#include "hermitage/vmm/snapshot/saver.hpp"
#include "hermitage/vmm/supervisor.hpp"
#include "hermitage/vmm/vcpu.hpp"
#include "hermitage/vmm/warnings.hpp"

namespace hermitage::vmm {
namespace {

using Clock = std::chrono::steady_clock;

auto make_isolation(const IsolationOptions& options, GuestFiles& files, Warnings& warnings) -> Result<Isolation> {
  // open_paths() makes the private directory. An isolated process can no longer do that.
  const bool isolates = options.file_isolation != FileIsolation::none || options.sandbox;
  auto made = Isolation::make(options, isolates ? files.open_paths() : std::vector<isolation::OpenPath>{});
  if (made && made->lacks_landlock()) {
    warnings.add(
        "the host's kernel has no Landlock, so files are not isolated; --file-isolation none disables this warning");
  }
  return made;
}

// The ending for a debugger. A signal represents the end of a guest without an exit code.
auto as_debugged(const std::optional<Ending>& ending) -> debug::Ended {
  if (!ending) return {.exit_code = {}, .signal = SIGTERM};
  if (const auto* const exit = std::get_if<GuestExit>(&*ending)) return {.exit_code = exit->code};
  return {.exit_code = {}, .signal = std::holds_alternative<GuestCrash>(*ending) ? SIGSEGV : SIGTERM};
}

// The layout of a guest that has been restored. Only its kernel knows the other places.
auto layout_of(const snapshot::MachineState& machine) -> arch::MemoryLayout {
  arch::MemoryLayout layout{};
  layout.memory = machine.memory;
  layout.kernel = machine.kernel;
  return layout;
}

// A card in the options becomes that of the saved guest.
auto adapt_network(MachineOptions& options, const snapshot::MachineState& machine) -> Result<void> {
  if (options.network && !machine.network) return fail(ErrorCode::configuration, "the guest has no network card");
  if (!machine.network) return {};
  if (!options.network) return fail(ErrorCode::configuration, "the guest has a network card, which needs a network");
  options.network->card.mtu = machine.network->mtu;
  options.network->card.queue_size = machine.network->queue_size;
  return {};
}

// Whether the options observe a guest in a way that needs its kernel's file.
auto needs_kernel(const MachineOptions& options) -> bool {
  return options.debug || options.core || options.profile;
}

auto parse_saved_kernel(std::span<const std::byte> file) -> Result<entry::KernelObject> {
  if (file.empty()) {
    return fail(ErrorCode::configuration,
                "the snapshot does not contain the kernel, which a debugger, a core and a profile need");
  }
  return parse_kernel(file);
}

auto to_text(const ExitCounts& counts) -> std::string {
  Statistics statistics;
  counts.add_to(statistics, 0, 1);
  std::string text;
  for (const auto& [name, count] : statistics.exits) text += fmt::format("{:<24} {}\n", name, count.front());
  return text;
}

}  // namespace

// The parts of a machine, in the order of their dependencies.
class Machine::State {
 public:
  State(MachineOptions options, GuestFiles files, GuestMemory memory, const arch::MemoryLayout& layout,
        entry::UhyveInterfaceVersion interface, ArgumentVectors vectors, Serial serial, Clock::time_point begin)
      : options_{std::move(options)},
        memory_{std::move(memory)},
        files_{std::move(files)},
        layout_{layout},
        vectors_{std::move(vectors)},
        serial_{std::move(serial)},
        begin_{begin},
        warnings_{options_.warn},
        hypercalls_{interface,
                    {.memory = memory_,
                     .files = files_,
                     .serial = serial_,
                     .arguments = vectors_,
                     .trace = options_.trace,
                     .is_stopping = [this] { return supervisor_->control().is_stopping(); },
                     .checkpoint = [this] { supervisor_->gate().checkpoint(); }}},
        platform_{hypercalls_, warnings_} {}
  State(const State&) = delete;
  auto operator=(const State&) -> State& = delete;
  ~State() = default;

  // Prepares the guest up to its first instruction.
  [[nodiscard]] auto prepare(const entry::KernelObject& kernel, int descriptor) -> Result<void>;
  // Prepares a restored guest, whose memory is complete. `kernel` is null if nothing needs it.
  [[nodiscard]] auto prepare(const snapshot::MachineState& machine, const entry::KernelObject* kernel) -> Result<void>;
  [[nodiscard]] auto run() -> Result<RunResult>;
  [[nodiscard]] auto save(int file) -> Result<void> { return machine_saver_->save(file, false, {}); }
  void request_snapshot() noexcept {
    if (saver_) saver_->request();
  }

  [[nodiscard]] auto layout() const noexcept -> const arch::MemoryLayout& { return layout_; }
  [[nodiscard]] auto supervisor() noexcept -> Supervisor& { return *supervisor_; }

 private:
  [[nodiscard]] auto make_supervisor() -> Result<void>;
  // Takes the KVM objects of the guest, and makes everything that belongs to them. `code` is for a profile.
  [[nodiscard]] auto adopt(BootedVm booted, const std::vector<observe::CodeRange>& code) -> Result<void>;
  [[nodiscard]] auto make_saver() -> Result<void>;
  [[nodiscard]] auto make_control_server() -> Result<void>;
  [[nodiscard]] auto controlled_guest() -> ControlServer::Guest;
  void watch_output();
  [[nodiscard]] auto make_debugger() -> Result<void>;
  void attach_debugger(const entry::KernelObject& kernel);
  [[nodiscard]] auto add_network_card(std::unique_ptr<NetworkCard> card) -> Result<void>;
  [[nodiscard]] auto deadline() const -> std::optional<Clock::time_point>;
  // Precondition: no vCPU runs.
  [[nodiscard]] auto statistics(Clock::time_point entered_at, Clock::time_point until) const -> Statistics;
  [[nodiscard]] auto write_core(const CrashRecord& record, const Ending& ending)
      -> std::optional<Result<debug::CoreSummary>>;
  [[nodiscard]] auto core_time() const -> std::chrono::milliseconds;

  MachineOptions options_;
  GuestMemory memory_;
  GuestFiles files_;  // after the memory, so that they are destroyed first: then no file is left on the host
  arch::MemoryLayout layout_;
  ArgumentVectors vectors_;
  Serial serial_;
  GuestAddress entry_point_;
  bool is_restored_ = false;
  Clock::time_point begin_;
  Warnings warnings_;
  Hypercalls hypercalls_;
  arch::Platform platform_;
  std::unique_ptr<Supervisor> supervisor_;
  std::optional<DeferredClose> deferred_close_;  // of vm_; before it and its vCPUs, so that it is destroyed last
  std::optional<kvm::Vm> vm_;
  std::unique_ptr<NetworkCard> network_card_;      // or null
  std::unique_ptr<debug::Debugger> debugger_;      // or null
  std::unique_ptr<snapshot::Saver> saver_;         // or null
  std::unique_ptr<ControlServer> control_server_;  // or null
  std::optional<CollectedWrites> collected_writes_;
  std::vector<std::unique_ptr<observe::VcpuObserver>> observers_;  // one for each vCPU, or none
  std::vector<std::unique_ptr<Vcpu>> vcpus_;
  std::optional<MachineSaver> machine_saver_;
  std::optional<Isolation> isolation_;
};

auto Machine::State::make_supervisor() -> Result<void> {
  auto supervisor = Supervisor::make(serial_, options_.on_stop);
  if (!supervisor) return std::unexpected{supervisor.error()};
  supervisor_ = std::move(*supervisor);
  return {};
}

auto Machine::State::prepare(const entry::KernelObject& kernel, int descriptor) -> Result<void> {
  if (auto made = make_supervisor(); !made) return made;
  auto booted = set_up({.kernel = kernel,
                        .descriptor = descriptor,
                        .options = options_,
                        .layout = layout_,
                        .memory = memory_,
                        .warnings = warnings_});
  if (!booted) return std::unexpected{booted.error()};
  entry_point_ = kernel.entry_point(layout_.kernel.start);
  if (auto adopted = adopt(std::move(*booted), code_of(kernel, layout_)); !adopted) return adopted;
  attach_debugger(kernel);
  return {};
}

auto Machine::State::prepare(const snapshot::MachineState& machine, const entry::KernelObject* kernel) -> Result<void> {
  is_restored_ = true;
  if (auto made = make_supervisor(); !made) return made;
  auto booted = set_up_restored({.machine = machine, .options = options_, .memory = memory_, .warnings = warnings_});
  if (!booted) return std::unexpected{booted.error()};
  if (kernel != nullptr) entry_point_ = kernel->entry_point(layout_.kernel.start);
  const auto code = kernel == nullptr ? std::vector<observe::CodeRange>{} : code_of(*kernel, layout_);
  if (auto adopted = adopt(std::move(*booted), code); !adopted) return adopted;
  for (std::size_t i = 0; i < vcpus_.size(); ++i) vcpus_[i]->continue_saved(machine.vcpus[i].repeated);
  if (kernel != nullptr) attach_debugger(*kernel);
  return {};
}

auto Machine::State::adopt(BootedVm booted, const std::vector<observe::CodeRange>& code) -> Result<void> {
  vm_ = std::move(booted.vm);
  if (auto added = add_network_card(std::move(booted.network_card)); !added) return added;
  collected_writes_.emplace(booted.coalesced_writes, platform_.ports(), supervisor_->gate());
  if (auto made = make_debugger(); !made) return made;
  if (auto made = make_saver(); !made) return made;
  if (auto made = make_control_server(); !made) return made;
  watch_output();
  const VcpuEnvironment environment{.ports = platform_.ports(),
                                    .memory = platform_.memory(),
                                    .collected_writes = *collected_writes_,
                                    .serial = serial_,
                                    .control = supervisor_->control(),
                                    .gate = supervisor_->gate(),
                                    .stops = debugger_ ? &debugger_->stops() : nullptr,
                                    .keeps_state = options_.core.has_value(),
                                    .warnings = &warnings_};
  for (auto& vcpu : booted.vcpus) {
    vcpus_.push_back(std::make_unique<Vcpu>(std::move(vcpu), static_cast<std::uint32_t>(vcpus_.size()), environment));
  }
  observers_ = observe_vcpus(options_, memory_, code, vcpus_);
  const MachineSaver::Parts saved{.options = options_,
                                  .memory = memory_,
                                  .layout = layout_,
                                  .interface = hypercalls_.interface(),
                                  .vectors = vectors_,
                                  .files = files_,
                                  .supervisor = *supervisor_,
                                  .vm = *vm_,
                                  .collected_writes = *collected_writes_,
                                  .vcpus = vcpus_,
                                  .network_card = network_card_.get(),
                                  .has_debugger = debugger_ != nullptr};
  machine_saver_.emplace(saved, std::move(booted.state_registers));
  if (saver_ || control_server_) machine_saver_->prepare();
  const observe::Phase phase{options_.timeline.get(), "prepare isolation"};
  auto isolation = make_isolation(options_.isolation, files_, warnings_);
  if (!isolation) return std::unexpected{isolation.error()};
  isolation_ = std::move(*isolation);
  supervisor_->set_guest({.vcpus = vcpus_,
                          .affinity = options_.affinity,
                          .collected_writes = *collected_writes_,
                          .collects_output = booted.collects_output,
                          .network_card = network_card_.get(),
                          .debugger = debugger_.get(),
                          .saver = saver_.get(),
                          .save = [this] { return machine_saver_->save_as_requested(); },
                          .control_server = control_server_.get(),
                          .controlled = controlled_guest(),
                          .isolation = *isolation_,
                          .warnings = warnings_,
                          .while_starting =
                              [this] {
                                if (options_.ends_in_background) deferred_close_ = DeferredClose::of(vm_->descriptor());
                              }});
  return {};
}

auto Machine::State::make_saver() -> Result<void> {
  if (!options_.snapshot) return {};
  auto saver = snapshot::Saver::make(*options_.snapshot);
  if (!saver) return std::unexpected{saver.error()};
  saver_ = std::move(*saver);
  return {};
}

auto Machine::State::make_control_server() -> Result<void> {
  if (!options_.control) return {};
  if (options_.snapshot) return fail(ErrorCode::configuration, "--control and a snapshot exclude each other");
  auto server = ControlServer::make(std::move(options_.control->listener));
  if (!server) return std::unexpected{server.error()};
  control_server_ = std::move(*server);
  return {};
}

auto Machine::State::controlled_guest() -> ControlServer::Guest {
  if (!control_server_) return {};
  const auto lacks = [] { return fail(ErrorCode::configuration, "this monitor does not show it"); };
  return {.pause = [this] { return supervisor_->pause(); },
          .resume = [this] { supervisor_->resume(); },
          .statistics = [this, lacks]() -> Result<std::string> {
            if (!options_.control->show_statistics) return lacks();
            return options_.control->show_statistics(statistics(supervisor_->began_at(), Clock::now()));
          },
          .hypercalls = [this, lacks]() -> Result<std::string> {
            if (!options_.control->show_hypercalls) return lacks();
            return options_.control->show_hypercalls(CrashRecord{memory_, vcpus_}.last_hypercalls());
          },
          .save = [this](int file) -> Result<void> {
            // Memory that such a guest has not touched is only in its snapshot.
            if (is_restored_) return fail(ErrorCode::configuration, "a restored guest cannot be saved again");
            return machine_saver_->save(file, false, {});
          },
          .is_stopping = [this] { return supervisor_->control().is_stopping(); }};
}

void Machine::State::watch_output() {
  if (!options_.on_output && !saver_) return;
  serial_.set_on_output([this](std::string_view output) {
    if (options_.on_output) options_.on_output(output);
    if (saver_) saver_->on_output(output);
  });
}

auto Machine::State::make_debugger() -> Result<void> {
  if (!options_.debug) return {};
  options_.debug->kvm = options_.kvm;
  auto debugger = debug::Debugger::make(std::move(*options_.debug), options_.cpu_count);
  if (!debugger) return std::unexpected{debugger.error()};
  debugger_ = std::move(*debugger);
  return {};
}

// If it waits for a debugger, the guest is stopped from now on.
void Machine::State::attach_debugger(const entry::KernelObject& kernel) {
  if (!debugger_) return;
  std::vector<kvm::Vcpu*> vcpus;
  vcpus.reserve(vcpus_.size());
  for (const auto& vcpu : vcpus_) vcpus.push_back(&vcpu->paused());
  debugger_->set_guest({.vcpus = std::move(vcpus),
                        .memory = memory_,
                        .load_offset = kernel.is_relocatable() ? layout_.kernel.start.value : 0,
                        .pause = [this] { return supervisor_->pause(); },
                        .resume = [this] { supervisor_->resume(); },
                        .kill = [this] { supervisor_->control().stop(SIGKILL); },
                        .ended = [this] { return as_debugged(supervisor_->control().ending_so_far()); },
                        .statistics = [this](unsigned vcpu) { return to_text(vcpus_[vcpu]->exit_counts()); },
                        .hypercalls = [this](unsigned vcpu) { return vcpus_[vcpu]->hypercall_log()->lines(memory_); },
                        .warn = [this](const std::string& line) { warnings_.add(line); }});
}

auto Machine::State::add_network_card(std::unique_ptr<NetworkCard> card) -> Result<void> {
  if (!card) return {};
  network_card_ = std::move(card);
  if (platform_.add_function(network_card_->function(), arch::pci_window(memory_.range()).range)) return {};
  return fail(ErrorCode::configuration,
              "there are no free addresses for the registers of the network card; reduce --memory-size");
}

auto Machine::State::run() -> Result<RunResult> {
  const auto begin = Clock::now();
  if (auto ran = supervisor_->run(deadline()); !ran) return std::unexpected{ran.error()};
  if (options_.timeline) {
    add_run(*options_.timeline,
            {.begin = begin, .entered_at = vcpus_.front()->entered_at(), .ended_at = supervisor_->ended_at()});
  }
  auto& ending = supervisor_->control().ending();
  auto* const crash = std::get_if<GuestCrash>(&ending);
  const bool has_crashed = crash != nullptr;
  const CrashRecord record{memory_, vcpus_};
  if (has_crashed) record.copy_stack(*crash);
  auto core = write_core(record, ending);
  return RunResult{.ending = std::move(ending),
                   .statistics = statistics(vcpus_.front()->entered_at(), supervisor_->ended_at()),
                   .output = serial_.take_buffer(),
                   .undelivered_output = serial_.undelivered(),
                   .hypercalls = has_crashed ? record.last_hypercalls() : std::vector<std::vector<std::string>>{},
                   .core = std::move(core),
                   .saved = saver_ ? saver_->outcome() : std::nullopt};
}

auto Machine::State::write_core(const CrashRecord& record, const Ending& ending)
    -> std::optional<Result<debug::CoreSummary>> {
  if (!options_.core) return std::nullopt;
  auto& control = supervisor_->control();
  const std::function<bool()> is_stopping = [&control, was_stopped = control.was_stopped()] {
    return !was_stopped && control.was_stopped();
  };
  return record.write_core(ending, {.options = *options_.core,
                                    .layout = layout_,
                                    .entry_point = entry_point_,
                                    .time = core_time(),
                                    .is_stopping = is_stopping});
}

// The time limit of the run also applies to its core.
auto Machine::State::core_time() const -> std::chrono::milliseconds {
  const auto time = debug::CoreLimits{}.time;
  const auto end = deadline();
  if (!end) return time;
  return std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(*end - Clock::now()),
                    std::chrono::milliseconds{0}, time);
}

auto Machine::State::deadline() const -> std::optional<Clock::time_point> {
  if (!options_.timeout) return std::nullopt;
  return begin_ + std::min<Clock::duration>(*options_.timeout, Clock::time_point::max() - begin_);
}

auto Machine::State::statistics(Clock::time_point entered_at, Clock::time_point until) const -> Statistics {
  Statistics result{.exits = {},
                    .coalesced_writes = collected_writes_->count(),
                    .preparation = entered_at - begin_,
                    .run_time = until - entered_at,
                    .peak_memory = peak_memory(),
                    .hypercalls = hypercall_times(observers_)};
  for (const auto& vcpu : vcpus_) vcpu->exit_counts().add_to(result, vcpu->number(), vcpus_.size());
  return result;
}

auto Machine::create(const KernelSource& source, MachineOptions options, GuestFiles files) -> Result<Machine> {
  const auto begin = Clock::now();
  const auto timeline = options.timeline;
  std::optional<observe::Phase> phase{std::in_place, timeline.get(), "plan memory"};
  if (auto checked = check_options(options); !checked) return std::unexpected{checked.error()};
  const auto kernel = parse_kernel(source.elf);
  if (!kernel) return std::unexpected{kernel.error()};
  if (auto checked = check_kernel(*kernel, options); !checked) return std::unexpected{checked.error()};
  const auto interface = kernel->uhyve_interface_version();
  if (interface.value == 1 && !options.arguments.kernel.empty() && options.warn) {
    options.warn("kernels with Uhyve interface 1 take no kernel arguments; they are ignored");
  }
  auto vectors = interface.value == 1 ? argument_vectors(options.arguments) : Result<ArgumentVectors>{};
  if (!vectors) return std::unexpected{vectors.error()};
  const auto layout = plan_layout(*kernel, options);
  if (!layout) return std::unexpected{layout.error()};
  auto memory = GuestMemory::allocate(layout->memory.start, options.memory_size,
                                      {.huge_pages = options.huge_pages, .mergeable = options.merges_pages});
  if (!memory) return std::unexpected{memory.error()};
  auto serial = Serial::open(options.output);
  if (!serial) return std::unexpected{serial.error()};
  add_trace_switch(options);
  add_timeline(options);
  phase.reset();

  auto state = std::make_unique<State>(std::move(options), std::move(files), std::move(*memory), *layout, interface,
                                       std::move(*vectors), std::move(*serial), begin);
  if (auto prepared = state->prepare(*kernel, source.descriptor); !prepared) return std::unexpected{prepared.error()};
  return Machine{std::move(state)};
}

auto Machine::restore(const snapshot::Snapshot& snapshot, MachineOptions options, GuestFiles files) -> Result<Machine> {
  const auto begin = Clock::now();
  const auto timeline = options.timeline;
  std::optional<observe::Phase> phase{std::in_place, timeline.get(), "load the snapshot"};
  const auto& machine = snapshot.machine();
  if (auto adapted = adapt_network(options, machine); !adapted) return std::unexpected{adapted.error()};
  snapshot::SavedKernel kernel_file;
  std::optional<entry::KernelObject> kernel;
  if (needs_kernel(options)) {
    auto file = snapshot.kernel_file();
    if (!file) return std::unexpected{file.error()};
    kernel_file = *std::move(file);
    auto parsed = parse_saved_kernel(kernel_file.bytes);
    if (!parsed) return std::unexpected{parsed.error()};
    kernel.emplace(*parsed);
  }
  options.memory_size = machine.memory.end.value - machine.memory.start.value;
  options.cpu_count = static_cast<std::uint32_t>(machine.vcpus.size());
  options.timer = machine.has_timer;
  options.manages_power = machine.manages_power;
  options.arguments = machine.arguments;
  if (auto checked = check_options(options); !checked) return std::unexpected{checked.error()};
  auto memory = GuestMemory::allocate(machine.memory.start, options.memory_size,
                                      {.huge_pages = options.huge_pages, .mergeable = options.merges_pages});
  if (!memory) return std::unexpected{memory.error()};
  if (auto loaded = snapshot.load_memory(*memory); !loaded) return std::unexpected{loaded.error()};
  const auto saved_files = snapshot.files();
  if (!saved_files) return std::unexpected{saved_files.error()};
  if (auto restored = files.restore(*saved_files, options.accepts_changed_files); !restored) {
    return std::unexpected{restored.error()};
  }
  auto serial = Serial::open(options.output);
  if (!serial) return std::unexpected{serial.error()};
  add_trace_switch(options);
  add_timeline(options);
  phase.emplace(timeline.get(), "create the virtual machine");
  auto state = std::make_unique<State>(std::move(options), std::move(files), std::move(*memory), layout_of(machine),
                                       machine.interface, machine.vectors, std::move(*serial), begin);
  if (auto prepared = state->prepare(machine, kernel ? &*kernel : nullptr); !prepared)
    return std::unexpected{prepared.error()};
  phase.reset();
  return Machine{std::move(state)};
}

Machine::Machine(std::unique_ptr<State> state) noexcept : state_{std::move(state)} {}
Machine::Machine(Machine&&) noexcept = default;
Machine::~Machine() = default;

auto Machine::layout() const noexcept -> const arch::MemoryLayout& {
  return state_->layout();
}

auto Machine::run() -> Result<RunResult> {
  return state_->run();
}

auto Machine::save(int file) -> Result<void> {
  return state_->save(file);
}

void Machine::request_snapshot() noexcept {
  state_->request_snapshot();
}

void Machine::stop(int reason) noexcept {
  state_->supervisor().control().stop(reason);
}

auto Machine::pause() -> PauseOutcome {
  return state_->supervisor().pause();
}

void Machine::resume() {
  state_->supervisor().resume();
}

auto Machine::watch(int descriptor, std::uint32_t events, EventLoop::Handler handler) -> Result<void> {
  return state_->supervisor().events().add(descriptor, events, std::move(handler));
}

void Machine::unwatch(int descriptor) {
  state_->supervisor().events().remove(descriptor);
}

}  // namespace hermitage::vmm
