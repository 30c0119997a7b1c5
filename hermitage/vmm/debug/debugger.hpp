// Lets a debugger stop a guest, and look into it: the thread that answers it.
#pragma once

#include <sys/types.h>

#include <array>
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

// A guest to debug. All of it must exist as long as the debugger.
struct Guest {
  std::vector<kvm::Vcpu*> vcpus;
  const GuestMemory& memory;
  std::uint64_t load_offset = 0;  // what is added to the addresses in the kernel's file
  // Machine::pause() and resume().
  std::function<PauseOutcome()> pause;
  std::function<void()> resume;
  // Ends the run.
  std::function<void()> kill;
  // What the run has ended with. Called when it ends.
  std::function<Ended()> ended;
  // What a vCPU has left the guest for so far, a line for each kind.
  std::function<std::string(unsigned vcpu)> statistics;
  // Gets a line about what goes wrong.
  std::function<void(const std::string&)> warn;
};

// One connection at a time; others wait. A connection that is lost takes its breakpoints with it, and leaves the guest
// as it is: running, or standing until the next one.
class Debugger final : public Target {
 public:
  // Fails with host_failed, or kvm_failed where vCPUs cannot be debugged.
  [[nodiscard]] static auto make(DebugOptions options, unsigned vcpus) -> Result<std::unique_ptr<Debugger>>;

  // Before run(), and before the vCPUs run. Where the options say so, the guest stands from now on.
  void set_guest(Guest guest);
  [[nodiscard]] auto stops() noexcept -> VcpuStops& { return *stops_; }

  // Serves debuggers until `is_stopping` says so. Another thread that makes it say so calls call_back().
  void run(const std::function<bool()>& is_stopping);
  // Any thread and any signal handler may call it.
  void call_back() noexcept;

  // Those that lead to debuggers, and all that run() uses of its own.
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
  // What is known of a vCPU that stands.
  struct VcpuState {
    std::optional<arch::DebugState> registers;  // once they have been asked for
    bool has_changed = false;                   // registers are to be set before it goes on
    Stop::Kind stop = Stop::Kind::step;         // that the debugger has heard of
    std::optional<std::uint64_t> stopped_at;    // where that was; none: it has gone on since
    Action action;                              // of the last resume()
  };

  // What a debug register is for, and the debugger's word for it.
  struct Hardware {
    kvm::HardwareBreakpoint at;
    BreakpointKind kind = BreakpointKind::hardware;
  };

  Debugger(DebugOptions options, std::unique_ptr<VcpuStops> stops, EventLoop events, Event wakeup);

  [[nodiscard]] auto watch_events() -> Result<void>;
  void accept();
  void receive();
  void end_session();
  void await_debugger();
  void send(std::string_view bytes);
  [[nodiscard]] auto stand() -> bool;
  void on_reports();
  [[nodiscard]] auto take_stop() -> std::optional<Stop>;
  [[nodiscard]] auto stop_of(const Report& report) -> Stop;
  [[nodiscard]] auto goes_on(const Stop& stop) -> bool;
  void let_go();
  void leave();
  [[nodiscard]] auto vcpu_at_breakpoint() -> std::optional<unsigned>;
  [[nodiscard]] auto has_breakpoint(std::uint64_t address) const -> bool;
  [[nodiscard]] auto setting_of(unsigned vcpu, bool goes) -> kvm::DebugSetting;
  [[nodiscard]] auto registers_of(unsigned vcpu) -> arch::DebugState*;
  [[nodiscard]] auto program_counter_of(unsigned vcpu) -> std::optional<std::uint64_t>;
  template <class Visit>
  auto visit_memory(unsigned vcpu, std::uint64_t address, std::size_t size, const Visit& visit) const -> std::size_t;
  [[nodiscard]] auto find_hardware(BreakpointKind kind, std::uint64_t address, std::uint64_t size) -> Hardware*;
  [[nodiscard]] auto insert_hardware(BreakpointKind kind, std::uint64_t address, std::uint64_t size)
      -> BreakpointOutcome;
  [[nodiscard]] auto show_registers(unsigned vcpu) -> std::string;
  [[nodiscard]] auto show_translation(unsigned vcpu, std::string_view digits) -> std::string;

  DebugOptions options_;
  std::unique_ptr<VcpuStops> stops_;
  EventLoop events_;
  Event wakeup_;  // ends the waiting of run()
  std::atomic<pid_t> thread_ = 0;
  std::function<bool()> is_stopping_;

  // All that follows is the thread's of run(), except for the time before it.
  std::optional<Guest> guest_;
  std::optional<Breakpoints> breakpoints_;
  std::array<Hardware, arch::kHardwareBreakpoints> hardware_ = {};
  kvm::BreakpointSupport support_;  // where instructions do not work, debug registers stand for them
  std::vector<VcpuState> states_;
  std::vector<Report> reports_;         // that the debugger has not heard of yet
  std::optional<unsigned> steps_over_;  // the vCPU that goes over a breakpoint, while the others stand
  bool is_standing_ = false;
  bool wants_interrupt_ = false;
  bool leaves_ = false;        // the debugger has gone, and the guest is still to be let go
  bool found_running_ = true;  // so it was when the debugger came
  Stop last_stop_;
  Descriptor connection_;
  std::optional<Session> session_;
};

}  // namespace hermitage::vmm::debug
