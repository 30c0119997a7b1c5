// A virtual machine for a Hermit kernel: the one face of this module.
//
//   auto machine = vmm::Machine::create({.elf = bytes}, {.arguments = {.application = {"hello"}}},
//                                       vmm::GuestFiles{"/tmp"});
//   if (!machine) die(machine.error().message);
//   const auto run = machine->run();
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/ending.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/event_loop.hpp"
#include "hermitage/vmm/files/guest_files.hpp"
#include "hermitage/vmm/machine_options.hpp"
#include "hermitage/vmm/pause_gate.hpp"
#include "hermitage/vmm/statistics.hpp"

namespace hermitage::vmm {

// The kernel's ELF file, needed until create() comes back. Where it is a file that nobody else writes to, of which
// `descriptor` is open and `elf` is the whole content, large parts are mapped from it instead of being copied, and the
// descriptor need stay open no longer.
struct KernelSource {
  std::span<const std::byte> elf;
  int descriptor = -1;
};

struct RunResult {
  Ending ending;
  Statistics statistics;
  std::string output;                    // with OutputBuffer
  std::uint64_t undelivered_output = 0;  // bytes whose reader did not take them before the run was ended from outside
};

class Machine {
 public:
  // Makes everything ready. Fails with any ErrorCode.
  [[nodiscard]] static auto create(const KernelSource& kernel, MachineOptions options, GuestFiles files)
      -> Result<Machine>;

  Machine(Machine&&) noexcept;
  auto operator=(Machine&&) -> Machine& = delete;
  ~Machine();

  // Where things lie.
  [[nodiscard]] auto layout() const noexcept -> const arch::MemoryLayout&;

  // Runs the guest to its end, once. Each vCPU has a thread, and the calling thread supervises. The signal SIGRTMIN is
  // used to call threads back; its handler is replaced. Fails with host_failed when there are no threads or timers, or
  // the host refuses the isolation that is asked for.
  //
  // After the time limit or stop() it returns within 0.3 s, whatever the guest does or a reader of its output does not
  // do. It cannot return while the kernel does not give back a thread: in a file call on a dead network mount, for
  // example, or in `trace` or `warn`, which have to return soon after `on_stop`.
  [[nodiscard]] auto run() -> Result<RunResult>;

  // Ends the run, now or as soon as it begins, with Stopped{reason}, which must not be 0; the first call counts. Any
  // thread may call it, and a signal handler.
  void stop(int reason) noexcept;

  // Gets every vCPU out of the guest, between two instructions, and returns when all stand: within 50 ms, or with
  // `timed_out`. A vCPU that waits in a hypercall, for input or for the reader of output, stands in the middle of it,
  // and the hypercall goes on after resume(). Before run(), the guest does not begin. The time limit goes on. It and
  // stop() end the pause with the run: nothing of the guest is certain then.
  //
  // Each pause that returned `paused` takes one resume(). Any thread may call these, except from within `trace`, `warn`
  // and `on_output`, and no signal handler. Two pauses at the same time wait for one another.
  [[nodiscard]] auto pause() -> PauseOutcome;
  void resume();

  // Lets the thread of run() wait for a descriptor, too, and call the handler; see EventLoop::add(). Under a sandbox, a
  // handler may make the system calls of the supervisor (isolation/system_calls.hpp).
  [[nodiscard]] auto watch(int descriptor, std::uint32_t events, EventLoop::Handler handler) -> Result<void>;
  void unwatch(int descriptor);

 private:
  class State;

  explicit Machine(std::unique_ptr<State> state) noexcept;

  std::unique_ptr<State> state_;
};

}  // namespace hermitage::vmm
