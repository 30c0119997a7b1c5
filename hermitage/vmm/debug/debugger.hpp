// Serves debuggers that stop and inspect a guest, in a separate thread.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/debug/breakpoints.hpp"
#include "hermitage/vmm/debug/debug_options.hpp"
#include "hermitage/vmm/debug/debug_registers.hpp"
#include "hermitage/vmm/debug/session.hpp"
#include "hermitage/vmm/debug/target.hpp"
#include "hermitage/vmm/debug/vcpu_stops.hpp"
#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/event.hpp"
#include "hermitage/vmm/event_loop.hpp"
#include "hermitage/vmm/kvm/probe.hpp"
#include "hermitage/vmm/kvm/vcpu.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"
#include "hermitage/vmm/pause_gate.hpp"

namespace hermitage::vmm::debug {

// The guest to debug. All references in it must outlive the debugger.
struct Guest {
  std::vector<kvm::Vcpu*> vcpus;
  const GuestMemory& memory;
  std::uint64_t load_offset = 0;  // is added to the addresses in the kernel's file
  // Machine::pause() and resume().
  std::function<PauseOutcome()> pause;
  std::function<void()> resume;
  // Ends the run.
  std::function<void()> kill;
  // How the run ended. Called at the end of the run.
  std::function<Ended()> ended;
  // The number of exits of a vCPU: one line for each kind.
  std::function<std::string(unsigned vcpu)> statistics;
  // The last hypercalls of a vCPU, the oldest first.
  std::function<std::vector<std::string>(unsigned vcpu)> hypercalls;
  // Receives one line for each failure.
  std::function<void(const std::string&)> warn;
};

// Serves one connection at a time; other connections wait. If a connection is lost, its breakpoints are removed. The
// state of the guest does not change: it runs, or stays stopped until the next connection.
class Debugger final : public Target {
 public:
  // Fails with host_failed, or with kvm_failed if vCPUs cannot be debugged.
  [[nodiscard]] static auto make(DebugOptions options, unsigned vcpus) -> Result<std::unique_ptr<Debugger>>;

  // Call this before run(), and before the vCPUs run. With DebugOptions::waits, the guest is stopped from now on.
  void set_guest(Guest guest);
  [[nodiscard]] auto stops() noexcept -> VcpuStops& { return *stops_; }

  // Serves debuggers until `is_stopping` returns true. The thread that causes this must call call_back().
  void run(const std::function<bool()>& is_stopping);
  // Any thread and any signal handler can call it.
  void call_back() noexcept;

  // The listening socket, and all descriptors that run() uses, except for connections.
  [[nodiscard]] auto listener() const noexcept -> int { return options_.listener.socket.get(); }
  [[nodiscard]] auto descriptors() const -> std::vector<int>;

  [[nodiscard]] auto vcpu_count() const -> unsigned override;
  [[nodiscard]] auto describe(unsigned vcpu) -> std::string override;
  [[nodiscard]] auto read_register(unsigned vcpu, unsigned number, std::span<std::byte> bytes) -> bool override;
  [[nodiscard]] auto write_register(unsigned vcpu, unsigned number, std::span<const std::byte> bytes) -> bool override;
  [[nodiscard]] auto read_memory(unsigned vcpu, std::uint64_t address, std::span<std::byte> bytes)
      -> std::size_t override;
  [[nodiscard]] auto write_memory(unsigned vcpu, std::uint64_t address, std::span<const std::byte> bytes)
      -> bool override;
  [[nodiscard]] auto insert(unsigned vcpu, BreakpointKind kind, std::uint64_t address, std::uint64_t size)
      -> BreakpointOutcome override;
  [[nodiscard]] auto remove(BreakpointKind kind, std::uint64_t address, std::uint64_t size)
      -> BreakpointOutcome override;
  void resume(std::span<const Action> actions) override;
  void interrupt() override;
  void remove_all() override;
  void kill() override;
  [[nodiscard]] auto command(unsigned vcpu, std::string_view words) -> std::string override;
  [[nodiscard]] auto file_name() const -> std::string_view override { return options_.file_name; }
  [[nodiscard]] auto file() const -> std::span<const std::byte> override { return options_.file; }
  [[nodiscard]] auto load_offset() const -> std::uint64_t override { return guest_->load_offset; }

 private:
  // The state of a stopped vCPU.
  struct VcpuState {
    std::optional<arch::DebugState> registers;  // after the first access
    bool has_changed = false;                   // the registers must be written before the vCPU continues
    Stop::Kind stop = Stop::Kind::step;         // the last one that was reported to the debugger
    std::optional<std::uint64_t> stopped_at;    // address of that stop; none if the vCPU has continued since
    Action action;                              // of the last resume()
  };

  Debugger(DebugOptions options, std::unique_ptr<VcpuStops> stops, EventLoop events, Event wakeup);

  [[nodiscard]] auto watch_events() -> Result<void>;
  void accept();
  void receive();
  void end_session();
  void await_debugger();
  void send(std::string_view bytes);
  [[nodiscard]] auto pause_guest() -> bool;
  void on_reports();
  [[nodiscard]] auto take_stop() -> std::optional<Stop>;
  [[nodiscard]] auto stop_of(const Report& report) -> Stop;
  [[nodiscard]] auto continues(const Stop& stop) -> bool;
  void let_go();
  void leave();
  [[nodiscard]] auto vcpu_at_breakpoint() -> std::optional<unsigned>;
  [[nodiscard]] auto has_breakpoint(std::uint64_t address) const -> bool;
  [[nodiscard]] auto setting_of(unsigned vcpu, bool goes) -> kvm::DebugSetting;
  [[nodiscard]] auto registers_of(unsigned vcpu) -> arch::DebugState*;
  [[nodiscard]] auto program_counter_of(unsigned vcpu) -> std::optional<std::uint64_t>;
  template <class Visit>
  auto visit_memory(unsigned vcpu, std::uint64_t address, std::size_t size, const Visit& visit) const -> std::size_t;
  [[nodiscard]] auto show_registers(unsigned vcpu) -> std::string;
  [[nodiscard]] auto show_hypercalls(unsigned vcpu) const -> std::string;
  [[nodiscard]] auto switch_trace(std::string_view setting) -> std::string;
  [[nodiscard]] auto show_translation(unsigned vcpu, std::string_view digits) -> std::string;

  DebugOptions options_;
  std::unique_ptr<VcpuStops> stops_;
  EventLoop events_;
  Event wakeup_;  // ends the waiting of run()
  std::atomic<pid_t> thread_ = 0;
  std::function<bool()> is_stopping_;

  // Only the thread of run() uses the following members, except before run() starts.
  std::optional<Guest> guest_;
  std::optional<Breakpoints> breakpoints_;
  DebugRegisters debug_registers_;
  kvm::BreakpointSupport support_;  // debug registers replace breakpoint instructions that do not work
  std::vector<VcpuState> states_;
  std::vector<Report> reports_;         // not yet reported to the debugger
  std::optional<unsigned> steps_over_;  // the vCPU that steps over a breakpoint while the others are stopped
  bool is_paused_ = false;
  bool wants_interrupt_ = false;
  bool leaves_ = false;        // the debugger has disconnected, and the guest has not been released yet
  bool found_running_ = true;  // whether the guest ran when the debugger connected
  Stop last_stop_;
  Descriptor connection_;
  std::optional<Session> session_;
};

}  // namespace hermitage::vmm::debug
