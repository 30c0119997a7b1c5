#include "hermitage/vmm/machine_parts.hpp"

#include <algorithm>
#include <csignal>
#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include <fmt/format.h>

#include "hermitage/vmm/kernel_loading.hpp"
#include "hermitage/vmm/observe/timeline.hpp"
#include "hermitage/vmm/recordings.hpp"

namespace hermitage::vmm {
namespace {

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

auto to_text(const ExitCounts& counts) -> std::string {
  Statistics statistics;
  counts.add_to(statistics, 0, 1);
  std::string text;
  for (const auto& [name, count] : statistics.exits) text += fmt::format("{:<24} {}\n", name, count.front());
  return text;
}

}  // namespace

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

}  // namespace hermitage::vmm
