// A virtual machine for a Hermit kernel: the one face of this room.
//
//   auto machine = vmm::Machine::create({.elf = bytes}, {.arguments = {.application = {"hello"}}},
//   vmm::GuestFiles{"/tmp"}); if (!machine) die(machine.error().message); const auto run = machine->run();
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "hermitage/guest/memory_size.hpp"
#include "hermitage/vmm/arch/x86_64/memory_layout.hpp"
#include "hermitage/vmm/arch/x86_64/vcpu_state.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/files/guest_files.hpp"
#include "hermitage/vmm/hypercalls/argument_vectors.hpp"
#include "hermitage/vmm/hypercalls/hypercalls.hpp"
#include "hermitage/vmm/isolation/isolation.hpp"
#include "hermitage/vmm/serial.hpp"

namespace hermitage::vmm {

// The kernel's ELF file, needed until create() comes back. Where it is a file that nobody else writes to, of which
// `descriptor` is open and `elf` is the whole content, large parts are mapped from it instead of being copied, and the
// descriptor need stay open no longer.
struct KernelSource {
  std::span<const std::byte> elf;
  int descriptor = -1;
};

struct MachineOptions {
  std::uint64_t memory_size = guest::kDefaultMemory;  // bytes; see guest::check_memory_size()
  std::uint32_t cpu_count = 1;
  std::vector<unsigned> affinity = {};  // the host's processor for each, or none
  bool randomizes_addresses = true;     // where the kernel is relocatable
  bool huge_pages = false;
  bool merges_pages = false;
  bool timer = false;          // an i8254 (PIT)
  bool manages_power = false;  // the guest's halts do not come back to the host
  Arguments arguments = {};
  // A packed image, unpacked, that the kernel finds in its memory (Uhyve's internal mode).
  std::span<const std::byte> image = {};
  std::vector<std::string> mounts = {};  // where the guest finds files
  OutputTarget output = StandardOutput{};
  // Sees the output that goes to standard output or a file, in order, by one thread at a time.
  std::function<void(std::string_view)> on_output = {};
  std::optional<std::chrono::nanoseconds> timeout = std::nullopt;  // from the beginning of create()
  IsolationOptions isolation = {};
  // Get a line each, without its end, from any thread: every hypercall; what is odd about the guest, but goes on. After
  // `on_stop`, signals interrupt their system calls, and they have to return soon.
  std::function<void(std::string_view)> trace = {};
  std::function<void(std::string_view)> warn = {};
  // The run is ended from outside, by its time limit or by stop(). Called in any thread and in signal handlers, perhaps
  // more than once.
  std::function<void()> on_stop = {};
};

// How a run ended.
struct GuestDeath {
  std::string reason;  // one sentence without a full stop
  std::uint32_t cpu = 0;
  x86_64::Registers registers;
};
struct TimedOut {};
struct Stopped {
  int reason = 0;  // what stop() was given
};
struct OutputFailed {
  int error_number = 0;
};
using Ending = std::variant<GuestExit, GuestDeath, TimedOut, Stopped, OutputFailed>;

struct Statistics {
  // How often each processor came back for each kind of reason: "hypercall open", "port read" …
  std::map<std::string, std::vector<std::uint64_t>> exits;
  std::uint64_t coalesced_writes = 0;         // to ports, for which it did not have to come back
  std::chrono::nanoseconds preparation = {};  // from the beginning of create() to the first instruction
  std::chrono::nanoseconds run_time = {};     // from there to the end
  std::uint64_t peak_memory = 0;              // of this process, in bytes
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
  [[nodiscard]] auto layout() const noexcept -> const x86_64::MemoryLayout&;

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

 private:
  class State;

  explicit Machine(std::unique_ptr<State> state) noexcept;

  std::unique_ptr<State> state_;
};

}  // namespace hermitage::vmm
