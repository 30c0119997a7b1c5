#include "hermitage/vmm/machine.hpp"

#include <memory>
#include <optional>
#include <utility>

#include "hermitage/vmm/kernel_loading.hpp"
#include "hermitage/vmm/machine_parts.hpp"
#include "hermitage/vmm/observe/timeline.hpp"
#include "hermitage/vmm/recordings.hpp"

namespace hermitage::vmm {
namespace {

using Clock = std::chrono::steady_clock;

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

}  // namespace

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
