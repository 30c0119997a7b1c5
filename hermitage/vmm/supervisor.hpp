// The supervisor: the thread that called Machine::run(). It starts the threads of the vCPUs, handles output and time,
// and joins the threads.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "hermitage/base/timer.hpp"
#include "hermitage/vmm/collected_writes.hpp"
#include "hermitage/vmm/control_server.hpp"
#include "hermitage/vmm/debug/debugger.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/event.hpp"
#include "hermitage/vmm/event_loop.hpp"
#include "hermitage/vmm/isolation/isolation.hpp"
#include "hermitage/vmm/network_card.hpp"
#include "hermitage/vmm/pause_gate.hpp"
#include "hermitage/vmm/run_control.hpp"
#include "hermitage/vmm/serial.hpp"
#include "hermitage/vmm/snapshot/saver.hpp"
#include "hermitage/vmm/vcpu.hpp"
#include "hermitage/vmm/warnings.hpp"

namespace hermitage::vmm {

class Supervisor {
 public:
  using Clock = std::chrono::steady_clock;

  // The guest to run. The caller owns all of it, and must keep it until run() returns.
  struct Guest {
    std::span<const std::unique_ptr<Vcpu>> vcpus;
    std::span<const unsigned> affinity;  // the host's CPU for each vCPU; empty: no affinity
    CollectedWrites& collected_writes;
    bool collects_output;                               // KVM collects writes without a notification
    NetworkCard* network_card;                          // or null
    debug::Debugger* debugger;                          // or null
    snapshot::Saver* saver;                             // or null
    std::function<std::optional<Result<void>>()> save;  // for the saver, which calls it at most once; see Saver::Guest
    ControlServer* control_server;                      // or null
    ControlServer::Guest controlled;                    // for the server
    const Isolation& isolation;
    Warnings& warnings;
    // The thread of run() calls it while the threads of the vCPUs start, before its system calls are filtered.
    std::function<void()> while_starting;
  };

  // `on_stop` is that of MachineOptions. Fails with host_failed.
  [[nodiscard]] static auto make(Serial& serial, std::function<void()> on_stop) -> Result<std::unique_ptr<Supervisor>>;
  Supervisor(const Supervisor&) = delete;
  auto operator=(const Supervisor&) -> Supervisor& = delete;
  ~Supervisor() = default;

  [[nodiscard]] auto control() noexcept -> RunControl& { return control_; }
  [[nodiscard]] auto gate() noexcept -> PauseGate& { return gate_; }
  // The thread of run() calls its handlers.
  [[nodiscard]] auto events() noexcept -> EventLoop& { return events_; }

  // One thread calls this before run() and pause().
  void set_guest(const Guest& guest) { guest_.emplace(guest); }

  // Runs the guest to its end, or to `deadline`. Call this once. Fails with host_failed.
  [[nodiscard]] auto run(std::optional<Clock::time_point> deadline) -> Result<void>;
  // About when the guest was entered. Precondition: the threads of the guest run.
  [[nodiscard]] auto began_at() const noexcept -> Clock::time_point { return began_at_; }
  // Precondition: run() has returned.
  [[nodiscard]] auto ended_at() const noexcept -> Clock::time_point { return ended_at_; }

  [[nodiscard]] auto pause() -> PauseOutcome;
  void resume() { gate_.resume(); }

 private:
  class StartingLine;

  Supervisor(Serial& serial, std::function<void()> on_stop, EventLoop events, PauseGate gate, Event wakeup);

  [[nodiscard]] auto start_timer(std::optional<Clock::time_point> deadline) -> Result<void>;
  void end_timer();
  void on_timer() noexcept;

  [[nodiscard]] auto run_threads() -> Result<void>;
  [[nodiscard]] auto start_threads(StartingLine& starting_line, std::latch& has_own_descriptors) -> Result<void>;
  void run_vcpu(Vcpu& vcpu, StartingLine& starting_line);
  [[nodiscard]] auto descriptors_of(const NetworkCard& card) const -> std::vector<int>;
  void run_network_card(StartingLine& starting_line, std::latch& has_own_descriptors);
  void run_debugger(StartingLine& starting_line);
  void run_saver(StartingLine& starting_line);
  void run_control_server(StartingLine& starting_line);
  void join_threads();

  void supervise();
  [[nodiscard]] auto has_output_to_look_after() const noexcept -> bool;
  void look_after_output();
  void end_output();

  void call_back() noexcept;
  void call_back_until_all_are_back() noexcept;

  Serial& serial_;
  EventLoop events_;
  PauseGate gate_;
  Event wakeup_;  // makes supervise() stop waiting; any thread and any signal handler can signal it
  RunControl control_;
  std::optional<Guest> guest_;

  std::vector<std::thread> threads_;

  // Interrupts the thread of the supervisor: at the deadline, and repeatedly while the run ends.
  std::optional<base::Timer> timer_;
  std::atomic<bool> has_timer_ = false;  // timer_ can be set
  std::atomic<int> timer_users_ = 0;     // number of threads that set it now
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point began_at_;
  Clock::time_point ended_at_;
};

}  // namespace hermitage::vmm
