// A virtual machine for a Hermit kernel: the public interface of this module.
//
//   auto machine = vmm::Machine::create({.elf = bytes}, {.arguments = {.application = {"hello"}}},
//                                       vmm::GuestFiles{"/tmp"});
//   if (!machine) die(machine.error().message());
//   const auto run = machine->run();
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/debug/core_file.hpp"
#include "hermitage/vmm/ending.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/event_loop.hpp"
#include "hermitage/vmm/files/guest_files.hpp"
#include "hermitage/vmm/machine_options.hpp"
#include "hermitage/vmm/pause_gate.hpp"
#include "hermitage/vmm/snapshot/snapshot.hpp"
#include "hermitage/vmm/statistics.hpp"

namespace hermitage::vmm {

// The kernel's ELF file, which must exist until create() returns. `descriptor` is optional: a file that no other
// process writes to, with `elf` as its whole content. Then large parts are mapped from it, not copied. The descriptor
// can be closed after create().
struct KernelSource {
  std::span<const std::byte> elf;
  int descriptor = -1;
};

struct RunResult {
  Ending ending;
  Statistics statistics;
  std::string output;                    // with OutputBuffer
  std::uint64_t undelivered_output = 0;  // bytes that the reader had not read when the run was ended from outside
  // After a crash: the last hypercalls of each vCPU as lines, the oldest first. See HypercallLog::lines().
  std::vector<std::vector<std::string>> hypercalls;
  // The summary of the core that was written, or the error. Nothing if the run was not to write a core.
  std::optional<Result<debug::CoreSummary>> core;
  // With MachineOptions::snapshot: whether the guest was saved; none if the run ended before.
  std::optional<Result<void>> saved = std::nullopt;
};

class Machine {
 public:
  // Prepares everything for the run. Fails with any ErrorCode.
  [[nodiscard]] static auto create(const KernelSource& kernel, MachineOptions options, GuestFiles files)
      -> Result<Machine>;

  // Prepares a saved guest to continue. The snapshot determines memory, vCPUs, devices and arguments; `options` has all
  // else, and no image. It has a network if the guest has a card, whose settings except the Ethernet address are those
  // of the saved one. It can have a debugger, a core or a profile only if the snapshot contains the kernel
  // (SnapshotOptions::kernel). `files` has mappings for the same paths of the guest, and nothing else. Fails with any
  // ErrorCode: also with image if the snapshot is malformed, and with kvm_failed if this host lacks a feature that the
  // guest uses.
  [[nodiscard]] static auto restore(const snapshot::Snapshot& snapshot, MachineOptions options, GuestFiles files)
      -> Result<Machine>;

  Machine(Machine&&) noexcept;
  auto operator=(Machine&&) -> Machine& = delete;
  ~Machine();

  // The layout of the guest memory.
  [[nodiscard]] auto layout() const noexcept HERMITAGE_LIFETIMEBOUND -> const arch::MemoryLayout&;

  // Runs the guest to its end, once. Each vCPU has a thread, and the calling thread supervises. The signal SIGRTMIN is
  // used to interrupt threads; its handler is replaced. A profile also uses SIGRTMIN + 1. Fails with host_failed if
  // threads or timers cannot be created, or if the host does not support the requested isolation.
  //
  // After the time limit or stop(), it returns within 0.3 s, whatever the guest or a reader of its output does, unless
  // a core is to be written (CoreOptions::on_stop). It cannot return while the kernel blocks a thread, for example in a
  // file operation on a network mount that does not respond. It also waits for `trace` and `warn`, which must return
  // soon after `on_stop`.
  [[nodiscard]] auto run() -> Result<RunResult>;

  // Ends the run, now or as soon as it starts, with Stopped{reason}. `reason` must not be 0. The first call counts. Any
  // thread and any signal handler can call it.
  void stop(int reason) noexcept;

  // Stops every vCPU between two instructions, and returns when all are stopped: within 50 ms, or with `timed_out`. A
  // vCPU that waits in a hypercall, for input or for the reader of output, stops in the middle of it. The hypercall
  // continues after resume(). Before run(), this prevents the guest from starting. The time limit continues to count.
  // The time limit and stop() end the pause and the run; then the state of the guest is undefined.
  //
  // Call resume() once for each pause that returned `paused`. Any thread can call these functions, but not from
  // `trace`, `warn` or `on_output`, and not from signal handlers. Two simultaneous pauses wait for each other.
  [[nodiscard]] auto pause() -> PauseOutcome;
  void resume();

  // Saves the guest to an empty file that is open for writing, while run() runs in another thread, and continues.
  // Pauses the guest between two instructions, or where it waits for input. Fails with configuration if the guest has a
  // part that cannot be saved (vhost-net, a debugger, a file: see GuestFiles::save()), and with kvm_failed or
  // host_failed. Then the guest continues, too. In a sandbox, use MachineOptions::snapshot. Any thread can call it that
  // can call pause().
  [[nodiscard]] auto save(int file) -> Result<void>;
  // Saves the guest as MachineOptions::snapshot says, now. Any thread and any signal handler can call it.
  void request_snapshot() noexcept;

  // Makes the thread of run() also wait for a descriptor, and call the handler: see EventLoop::add(). In a sandbox, a
  // handler can make the system calls of the supervisor (isolation/system_calls.hpp).
  [[nodiscard]] auto watch(int descriptor, std::uint32_t events, EventLoop::Handler handler) -> Result<void>;
  void unwatch(int descriptor);

 private:
  class State;

  explicit Machine(std::unique_ptr<State> state) noexcept;

  std::unique_ptr<State> state_;
};

}  // namespace hermitage::vmm
