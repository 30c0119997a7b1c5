// The parts of a machine. Only the sources of Machine include this file.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "hermitage/vmm/boot_setup.hpp"
#include "hermitage/vmm/collected_writes.hpp"
#include "hermitage/vmm/control_server.hpp"
#include "hermitage/vmm/crash_record.hpp"
#include "hermitage/vmm/deferred_close.hpp"
#include "hermitage/vmm/devices/platform.hpp"
#include "hermitage/vmm/hypercalls/hypercalls.hpp"
#include "hermitage/vmm/machine.hpp"
#include "hermitage/vmm/machine_saver.hpp"
#include "hermitage/vmm/observe/stack_walk.hpp"
#include "hermitage/vmm/observe/vcpu_observer.hpp"
#include "hermitage/vmm/snapshot/saver.hpp"
#include "hermitage/vmm/supervisor.hpp"
#include "hermitage/vmm/vcpu.hpp"
#include "hermitage/vmm/warnings.hpp"

namespace hermitage::vmm {

// Its members are in the order of their dependencies.
class Machine::State {
 public:
  using Clock = std::chrono::steady_clock;

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

}  // namespace hermitage::vmm
