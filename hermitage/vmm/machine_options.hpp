// The options of a machine and its run.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/base/arguments.hpp"
#include "hermitage/base/memory_size.hpp"
#include "hermitage/vmm/control_options.hpp"
#include "hermitage/vmm/debug/core_file.hpp"
#include "hermitage/vmm/debug/debug_options.hpp"
#include "hermitage/vmm/isolation/isolation.hpp"
#include "hermitage/vmm/network_options.hpp"
#include "hermitage/vmm/observe/profile.hpp"
#include "hermitage/vmm/observe/timeline.hpp"
#include "hermitage/vmm/serial.hpp"
#include "hermitage/vmm/snapshot/snapshot_options.hpp"

namespace hermitage::vmm {

using base::Arguments;

struct MachineOptions {
  std::uint64_t memory_size = base::kDefaultMemory;  // bytes; see base::check_memory_size()
  std::uint32_t cpu_count = 1;                       // vCPUs
  std::vector<unsigned> affinity = {};               // the host's CPU for each vCPU; empty: no affinity
  bool randomizes_addresses = true;                  // if the kernel is relocatable
  bool huge_pages = false;
  bool merges_pages = false;
  bool timer = false;          // on x86_64 an i8254 (PIT)
  bool manages_power = false;  // halts of the guest cause no exit
  // A thread of the kernel frees KVM's machine after the Machine is destroyed or the process has ended in any way.
  // Otherwise, the destructor or the end of the process waits for that, 13 to 18 ms. This also happens if the kernel
  // does not support it (see DeferredClose). From run() on, it uses two descriptors. In both cases, the guest memory is
  // freed at once.
  bool ends_in_background = false;
  int kvm = -1;  // a descriptor of /dev/kvm, which must be open until Machine::create() returns; negative: it is opened
  Arguments arguments = {};
  // An unpacked image that the kernel finds in its memory (Uhyve's internal mode).
  std::span<const std::byte> image = {};
  std::vector<std::string> mounts = {};  // directories in which the guest finds files
  OutputTarget output = StandardOutput{};
  // Receives the output to standard output or a file, in order, from one thread at a time.
  std::function<void(std::string_view)> on_output = {};
  std::optional<std::chrono::nanoseconds> timeout = std::nullopt;  // from the start of create()
  // A network card on a PCI bus, if there is a backend. When the guest runs in a sandbox, its thread has only the
  // backend's descriptors and standard error. Then the other threads do not have the backend's descriptors.
  std::optional<NetworkOptions> network = std::nullopt;
  // A debugger that can stop and inspect the guest. Its thread accesses the vCPUs, the guest memory, and connections.
  std::optional<debug::DebugOptions> debug = std::nullopt;
  // A file for a core of the guest, if it crashes.
  std::optional<debug::CoreOptions> core = std::nullopt;
  // Saves the guest while it runs.
  std::optional<SnapshotOptions> snapshot = std::nullopt;
  // Commands from other processes. Excludes `snapshot`, which also saves the guest.
  std::optional<ControlOptions> control = std::nullopt;
  // For restore(): open files of the guest on the host may have changed since they were saved.
  bool accepts_changed_files = false;
  IsolationOptions isolation = {};
  bool times_hypercalls = false;  // for Statistics::hypercalls
  // Receives the phases of the start and of the run, the exits, the guest's output and its frames. Can be null. Read it
  // after run().
  std::shared_ptr<observe::Timeline> timeline = nullptr;
  // Receives samples of the stacks of all vCPUs. Can be null. Read it after run().
  std::shared_ptr<observe::Profile> profile = nullptr;
  // Receive one line each, without a line end, from any thread: `trace` every hypercall, and `warn` irregularities that
  // do not end the guest. After `on_stop`, signals interrupt their system calls, and they must return soon. A pause
  // waits for them, too, and can interrupt them.
  std::function<void(std::string_view)> trace = {};
  std::function<void(std::string_view)> warn = {};
  // The time limit or stop() has ended the run. Any thread and signal handlers can call it, possibly several times.
  std::function<void()> on_stop = {};
};

}  // namespace hermitage::vmm
