#include "hermitage/vmm/machine.hpp"

#include <algorithm>
#include <csignal>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "hermitage/vmm/boot_setup.hpp"
#include "hermitage/vmm/collected_writes.hpp"
#include "hermitage/vmm/deferred_close.hpp"
#include "hermitage/vmm/devices/platform.hpp"
#include "hermitage/vmm/hypercalls/hypercalls.hpp"
#include "hermitage/vmm/kernel_loading.hpp"
#include "hermitage/vmm/observe/observed_backend.hpp"
#include "hermitage/vmm/observe/profile.hpp"
#include "hermitage/vmm/observe/stack_sampler.hpp"
#include "hermitage/vmm/observe/timeline.hpp"
#include "hermitage/vmm/observe/vcpu_observer.hpp"
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
  return {.exit_code = {}, .signal = std::holds_alternative<GuestDeath>(*ending) ? SIGSEGV : SIGTERM};
}

auto description_of(const Ending& ending) -> std::string {
  if (const auto* const death = std::get_if<GuestDeath>(&ending)) {
    return fmt::format("vCPU {} crashed: {}", death->cpu, death->reason);
  }
  if (const auto* const exit = std::get_if<GuestExit>(&ending)) return fmt::format("exit code {}", exit->code);
  if (const auto* const stopped = std::get_if<Stopped>(&ending)) return fmt::format("signal {}", stopped->reason);
  return "";
}

auto to_text(const ExitCounts& counts) -> std::string {
  Statistics statistics;
  counts.add_to(statistics, 0, 1);
  std::string text;
  for (const auto& [name, count] : statistics.exits) text += fmt::format("{:<24} {}\n", name, count.front());
  return text;
}

// The executable segments of the loaded kernel.
auto code_of(const entry::KernelObject& kernel, const arch::MemoryLayout& layout) -> std::vector<observe::CodeRange> {
  constexpr std::uint32_t kExecutable = 1;  // PF_X
  std::vector<observe::CodeRange> code;
  for (const auto segment : kernel.segments()) {
    if (segment.type != entry::elf::kSegmentLoad || (segment.flags & kExecutable) == 0) continue;
    const auto start = layout.kernel.start.value + kernel.memory_offset(segment);
    code.push_back({.start = start, .end = start + segment.memsz});
  }
  return code;
}

// Makes the timeline see the lines of hypercalls, which it shows with their exits, the output, and frames.
void add_timeline(MachineOptions& options) {
  if (!options.timeline) return;
  options.trace = [next = std::move(options.trace)](std::string_view line) {
    if (auto* const observer = observe::VcpuObserver::of_this_thread(); observer != nullptr) observer->describe(line);
    if (next) next(line);
  };
  options.on_output = [timeline = options.timeline, next = std::move(options.on_output)](std::string_view output) {
    observe::add_lines(timeline->output(), output);
    if (next) next(output);
  };
  if (!options.network) return;
  auto& backend = options.network->backend;
  backend = std::make_unique<observe::ObservedBackend>(std::move(backend), options.timeline->network());
}

// Merges the times of all vCPUs.
auto hypercall_times(std::span<const std::unique_ptr<observe::VcpuObserver>> observers)
    -> std::map<std::string, HypercallTimes> {
  std::map<std::string, observe::Histogram> merged;
  for (const auto& observer : observers) {
    for (const auto& [name, times] : observer->times().kinds()) {
      const std::string_view kind{name};
      if (!kind.starts_with(Hypercalls::kExitPrefix)) continue;
      merged[std::string{kind.substr(Hypercalls::kExitPrefix.size())}].add(*times);
    }
  }
  std::map<std::string, HypercallTimes> result;
  for (const auto& [name, times] : merged) {
    result[name] = {.count = times.count(),
                    .median = times.quantile(0.5),
                    .percentile_99 = times.quantile(0.99),
                    .total = times.total()};
  }
  return result;
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
  [[nodiscard]] auto run() -> Result<RunResult>;

  [[nodiscard]] auto layout() const noexcept -> const arch::MemoryLayout& { return layout_; }
  [[nodiscard]] auto supervisor() noexcept -> Supervisor& { return *supervisor_; }

 private:
  [[nodiscard]] auto make_debugger() -> Result<void>;
  void attach_debugger(const entry::KernelObject& kernel);
  void observe_vcpus(const entry::KernelObject& kernel);
  [[nodiscard]] auto add_network_card(std::unique_ptr<NetworkCard> card) -> Result<void>;
  void add_run_to_timeline(Clock::time_point begin) const;
  [[nodiscard]] auto deadline() const -> std::optional<Clock::time_point>;
  [[nodiscard]] auto statistics() const -> Statistics;
  void copy_stack(GuestDeath& death) const;
  [[nodiscard]] auto core_signal(const Ending& ending) const -> std::optional<int>;
  [[nodiscard]] auto write_core(const Ending& ending) const -> std::optional<Result<debug::CoreSummary>>;
  [[nodiscard]] auto core_time() const -> std::chrono::milliseconds;
  [[nodiscard]] auto core_note(const Ending& ending) const -> std::string;
  [[nodiscard]] auto last_hypercalls() const -> std::vector<std::vector<std::string>>;

  MachineOptions options_;
  GuestMemory memory_;
  GuestFiles files_;  // after the memory, so that they are destroyed first: then no file is left on the host
  arch::MemoryLayout layout_;
  ArgumentVectors vectors_;
  Serial serial_;
  GuestAddress entry_point_;
  Clock::time_point begin_;
  Warnings warnings_;
  Hypercalls hypercalls_;
  arch::Platform platform_;
  std::unique_ptr<Supervisor> supervisor_;
  std::optional<DeferredClose> deferred_close_;  // of vm_; before it and its vCPUs, so that it is destroyed last
  std::optional<kvm::Vm> vm_;
  std::unique_ptr<NetworkCard> network_card_;  // or null
  std::unique_ptr<debug::Debugger> debugger_;  // or null
  std::optional<CollectedWrites> collected_writes_;
  std::vector<std::unique_ptr<observe::VcpuObserver>> observers_;  // one for each vCPU, or none
  std::vector<std::unique_ptr<Vcpu>> vcpus_;
  std::optional<Isolation> isolation_;
};

auto Machine::State::prepare(const entry::KernelObject& kernel, int descriptor) -> Result<void> {
  auto supervisor = Supervisor::make(serial_, options_.on_stop);
  if (!supervisor) return std::unexpected{supervisor.error()};
  supervisor_ = std::move(*supervisor);
  auto booted = set_up({.kernel = kernel,
                        .descriptor = descriptor,
                        .options = options_,
                        .layout = layout_,
                        .memory = memory_,
                        .warnings = warnings_});
  if (!booted) return std::unexpected{booted.error()};
  vm_ = std::move(booted->vm);
  if (auto added = add_network_card(std::move(booted->network_card)); !added) return added;
  collected_writes_.emplace(booted->coalesced_writes, platform_.ports(), supervisor_->gate());
  if (auto made = make_debugger(); !made) return made;
  const VcpuEnvironment environment{.ports = platform_.ports(),
                                    .memory = platform_.memory(),
                                    .collected_writes = *collected_writes_,
                                    .serial = serial_,
                                    .control = supervisor_->control(),
                                    .gate = supervisor_->gate(),
                                    .stops = debugger_ ? &debugger_->stops() : nullptr,
                                    .keeps_state = options_.core.has_value()};
  entry_point_ = kernel.entry_point(layout_.kernel.start);
  for (auto& vcpu : booted->vcpus) {
    vcpus_.push_back(std::make_unique<Vcpu>(std::move(vcpu), static_cast<std::uint32_t>(vcpus_.size()), environment));
  }
  observe_vcpus(kernel);
  const observe::Phase phase{options_.timeline.get(), "prepare isolation"};
  auto isolation = make_isolation(options_.isolation, files_, warnings_);
  if (!isolation) return std::unexpected{isolation.error()};
  isolation_ = std::move(*isolation);
  supervisor_->set_guest({.vcpus = vcpus_,
                          .affinity = options_.affinity,
                          .collected_writes = *collected_writes_,
                          .collects_output = booted->collects_output,
                          .network_card = network_card_.get(),
                          .debugger = debugger_.get(),
                          .isolation = *isolation_,
                          .warnings = warnings_,
                          .while_starting = [this] {
                            if (options_.ends_in_background) deferred_close_ = DeferredClose::of(vm_->descriptor());
                          }});
  attach_debugger(kernel);
  return {};
}

void Machine::State::observe_vcpus(const entry::KernelObject& kernel) {
  auto* const timeline = options_.timeline.get();
  auto* const profile = options_.profile.get();
  if (!options_.times_hypercalls && timeline == nullptr && profile == nullptr) return;
  for (const auto& vcpu : vcpus_) {
    auto* const track = timeline == nullptr ? nullptr : &timeline->add_vcpu(vcpu->number());
    auto sampler = profile == nullptr ? nullptr
                                      : std::make_unique<observe::StackSampler>(memory_, code_of(kernel, layout_),
                                                                                profile->rate(), profile->add_vcpu());
    vcpu->set_observer(*observers_.emplace_back(
        std::make_unique<observe::VcpuObserver>(options_.times_hypercalls, track, std::move(sampler))));
  }
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
  add_run_to_timeline(begin);
  auto& ending = supervisor_->control().ending();
  auto* const death = std::get_if<GuestDeath>(&ending);
  const bool has_crashed = death != nullptr;
  if (has_crashed) copy_stack(*death);
  auto core = write_core(ending);
  return RunResult{.ending = std::move(ending),
                   .statistics = statistics(),
                   .output = serial_.take_buffer(),
                   .undelivered_output = serial_.undelivered(),
                   .hypercalls = has_crashed ? last_hypercalls() : std::vector<std::vector<std::string>>{},
                   .core = std::move(core)};
}

// The signal that a core reports for this ending. Nothing if no core is wanted.
auto Machine::State::core_signal(const Ending& ending) const -> std::optional<int> {
  if (!options_.core) return std::nullopt;
  if (std::holds_alternative<GuestDeath>(ending)) return SIGSEGV;
  if (std::holds_alternative<GuestExit>(ending) && options_.core->on_exit) return 0;
  const auto* const stopped = std::get_if<Stopped>(&ending);
  if (stopped != nullptr && options_.core->on_stop == stopped->reason) return stopped->reason;
  return std::nullopt;
}

auto Machine::State::write_core(const Ending& ending) const -> std::optional<Result<debug::CoreSummary>> {
  const auto signal = core_signal(ending);
  if (!signal) return std::nullopt;
  std::vector<debug::CoreContent::Vcpu> vcpus;
  for (const auto& vcpu : vcpus_) {
    if (vcpu->final_state() != nullptr) vcpus.push_back({.state = *vcpu->final_state(), .number = vcpu->number()});
  }
  const auto* const death = std::get_if<GuestDeath>(&ending);
  const auto first = std::ranges::find(vcpus, death == nullptr ? 0 : death->cpu, &debug::CoreContent::Vcpu::number);
  if (first != vcpus.end()) std::rotate(vcpus.begin(), first, std::next(first));
  // Some CPUs reset a vCPU that has shut down. Hermit keeps the page tables with which it was entered.
  const auto paging = vcpus.empty() ? std::nullopt : arch::paging_of(arch::general_registers(vcpus.front().state));
  const auto note = core_note(ending);
  const bool was_stopped = supervisor_->control().was_stopped();
  return debug::write_core(options_.core->file.get(),
                           {.memory = memory_,
                            .paging = paging.value_or(arch::boot_paging(layout_)),
                            .vcpus = vcpus,
                            .signal = *signal,
                            .entry_point = entry_point_.value,
                            .kernel = layout_.kernel,
                            .image = options_.core->image,
                            .note = note},
                           {.size = options_.core->limit, .time = core_time()},
                           [&] { return !was_stopped && supervisor_->control().was_stopped(); });
}

// The time limit of the run also applies to its core.
auto Machine::State::core_time() const -> std::chrono::milliseconds {
  const auto time = debug::CoreLimits{}.time;
  const auto end = deadline();
  if (!end) return time;
  return std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(*end - Clock::now()),
                    std::chrono::milliseconds{0}, time);
}

auto Machine::State::core_note(const Ending& ending) const -> std::string {
  auto note = fmt::format("program: {}\nimage: {}\nend: {}\n", options_.core->program, options_.core->image,
                          description_of(ending));
  const auto hypercalls = last_hypercalls();
  for (std::size_t vcpu = 0; vcpu < hypercalls.size(); ++vcpu) {
    note += fmt::format("last hypercalls of vCPU {}:\n", vcpu);
    for (const auto& line : hypercalls[vcpu]) note += fmt::format("  {}\n", line);
  }
  return note;
}

void Machine::State::copy_stack(GuestDeath& death) const {
  const auto paging = arch::paging_of(death.registers);
  if (paging) death.stack = StackCopy::make(memory_, *paging, arch::stack_pointer(death.registers));
}

auto Machine::State::last_hypercalls() const -> std::vector<std::vector<std::string>> {
  std::vector<std::vector<std::string>> result;
  for (const auto& vcpu : vcpus_) result.push_back(vcpu->hypercall_log()->lines(memory_));
  return result;
}

// `begin` is the start of run().
void Machine::State::add_run_to_timeline(Clock::time_point begin) const {
  if (!options_.timeline) return;
  const auto add = [this](const char* name, Clock::time_point from, Clock::time_point to) {
    observe::TimelineEvent event;
    event.name = name;
    event.begin = from;
    event.duration = to - from;
    options_.timeline->phases().add(event);
  };
  const auto entered_at = vcpus_.front()->entered_at();
  add("isolate and start threads", begin, entered_at);
  add("run the guest", entered_at, supervisor_->ended_at());
  add("deliver output", supervisor_->ended_at(), Clock::now());
}

auto Machine::State::deadline() const -> std::optional<Clock::time_point> {
  if (!options_.timeout) return std::nullopt;
  return begin_ + std::min<Clock::duration>(*options_.timeout, Clock::time_point::max() - begin_);
}

auto Machine::State::statistics() const -> Statistics {
  const auto entered_at = vcpus_.front()->entered_at();
  Statistics result{.exits = {},
                    .coalesced_writes = collected_writes_->count(),
                    .preparation = entered_at - begin_,
                    .run_time = supervisor_->ended_at() - entered_at,
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
  add_timeline(options);
  serial->set_on_output(std::move(options.on_output));
  phase.reset();

  auto state = std::make_unique<State>(std::move(options), std::move(files), std::move(*memory), *layout, interface,
                                       std::move(*vectors), std::move(*serial), begin);
  if (auto prepared = state->prepare(*kernel, source.descriptor); !prepared) return std::unexpected{prepared.error()};
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
