#include "hermitage/vmm/machine_saver.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <variant>

#include <fmt/format.h>
#include <poll.h>

#include "hermitage/vmm/ending.hpp"
#include "hermitage/vmm/kvm/state.hpp"
#include "hermitage/vmm/snapshot/writer.hpp"

namespace hermitage::vmm {
namespace {

using Clock = std::chrono::steady_clock;

// The time after which a guest is not saved that never comes to rest, such as one that waits for the reader of output.
constexpr std::chrono::seconds kRestLimit{10};

auto image_of(const MachineOptions& options) -> std::string {
  if (options.snapshot) return options.snapshot->image;
  return options.control ? options.control->image : std::string{};
}

}  // namespace

void MachineSaver::prepare() {
  if (pages_) return;
  pages_ = PageMap::open();
  host_boot_ = kvm::host_boot();
}

auto MachineSaver::save_as_requested() -> std::optional<Result<void>> {
  const auto& options = *parts_.options.snapshot;
  auto outcome = save(options.file.get(), !options.continues, options.publish);
  auto& control = parts_.supervisor.control();
  if (outcome || !control.is_stopping()) return outcome;
  // A run that has ended in another way was not saved, which is not a failure to save it.
  const auto ending = control.ending_so_far();
  if (ending && std::holds_alternative<Saved>(*ending)) return outcome;
  return std::nullopt;
}

auto MachineSaver::save(int file, bool ends, const std::function<Result<void>()>& publish) -> Result<void> {
  const std::scoped_lock lock{saving_};
  if (parts_.network_card != nullptr && parts_.network_card->has_vhost()) {
    return fail(ErrorCode::configuration, "a guest whose network is served by vhost-net cannot be saved");
  }
  if (parts_.has_debugger) return fail(ErrorCode::configuration, "a guest with a debugger cannot be saved");
  prepare();
  if (auto paused = pause_at_rest(); !paused) return paused;
  const auto state = machine_state();
  auto outcome = state ? snapshot::write(file, *state, parts_.memory, *pages_) : std::unexpected{state.error()};
  if (ends) parts_.supervisor.control().finish(Saved{});
  parts_.supervisor.resume();
  // This can take long, because it waits for the disk.
  if (outcome && publish) outcome = publish();
  return outcome;
}

// Pauses the guest at a moment at which no vCPU is in the middle of a hypercall.
auto MachineSaver::pause_at_rest() -> Result<void> {
  const auto limit = Clock::now() + kRestLimit;
  do {
    const auto outcome = parts_.supervisor.pause();
    if (outcome == PauseOutcome::ended) return fail(ErrorCode::host_failed, "the guest has ended");
    if (outcome == PauseOutcome::paused) {
      if (is_at_rest()) return {};
      parts_.supervisor.resume();
    }
    ::poll(nullptr, 0, 1);
  } while (Clock::now() < limit);
  return fail(
      ErrorCode::host_failed,
      fmt::format("the guest was in a hypercall for {} s, such as for output that nobody reads", kRestLimit.count()));
}

// A vCPU that waits for input makes its hypercall again when it is restored.
auto MachineSaver::is_at_rest() const -> bool {
  int waiting = 0;
  for (const auto& vcpu : parts_.vcpus) {
    if (vcpu->is_at_rest()) continue;
    if (!vcpu->current_write()) return false;
    ++waiting;
  }
  return waiting == parts_.supervisor.gate().repeatable_waits() && parts_.collected_writes.is_empty();
}

auto MachineSaver::machine_state() -> Result<snapshot::MachineState> {
  const auto& options = parts_.options;
  snapshot::MachineState state{.image = image_of(options),
                               .arguments = options.arguments,
                               .host_boot = host_boot_,
                               .saved_at = kvm::host_time(),
                               .counter_khz = parts_.vcpus.front()->paused().counter_khz().value_or(0),
                               .interface = parts_.interface,
                               .has_timer = options.timer,
                               .manages_power = options.manages_power,
                               .memory = parts_.memory.range(),
                               .kernel = parts_.layout.kernel,
                               .vectors = parts_.vectors};
  for (const auto& vcpu : parts_.vcpus) {
    if (!vcpu->is_at_rest()) {
      if (auto completed = vcpu->paused().complete_access(); !completed) return std::unexpected{completed.error()};
    }
    auto parts = vcpu->paused().save_state(registers_);
    if (!parts) return std::unexpected{parts.error()};
    state.vcpus.push_back({.parts = std::move(*parts), .repeated = vcpu->current_write()});
  }
  if (parts_.network_card != nullptr) state.network = parts_.network_card->save_state();
  auto vm = parts_.vm.save_state(options.timer);
  if (!vm) return std::unexpected{vm.error()};
  state.vm = std::move(*vm);
  if (options.snapshot && options.snapshot->kernel.size() <= snapshot::kMaxKernelFile) {
    state.kernel_file = options.snapshot->kernel;
  }
  auto files = parts_.files.save();
  if (!files) return std::unexpected{files.error()};
  state.files = std::move(*files);
  return state;
}

}  // namespace hermitage::vmm
