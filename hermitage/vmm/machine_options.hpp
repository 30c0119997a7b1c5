// What a machine is made of, and how it runs.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/base/arguments.hpp"
#include "hermitage/base/memory_size.hpp"
#include "hermitage/vmm/debug/debug_options.hpp"
#include "hermitage/vmm/isolation/isolation.hpp"
#include "hermitage/vmm/network_options.hpp"
#include "hermitage/vmm/serial.hpp"

namespace hermitage::vmm {

using base::Arguments;

struct MachineOptions {
  std::uint64_t memory_size = base::kDefaultMemory;  // bytes; see base::check_memory_size()
  std::uint32_t cpu_count = 1;                       // vCPUs
  std::vector<unsigned> affinity = {};               // the host's CPU for each vCPU, or none
  bool randomizes_addresses = true;                  // where the kernel is relocatable
  bool huge_pages = false;
  bool merges_pages = false;
  bool timer = false;          // on x86_64 an i8254 (PIT)
  bool manages_power = false;  // the guest's halts do not come back to the host
  // A thread of the kernel frees KVM's machine, after the Machine is destroyed or the process has ended, in whatever
  // way. Otherwise its destructor, or the end of the process, waits for that, 13 to 18 ms; so it does where the kernel
  // cannot (see DeferredClose). From run() on, it takes two descriptors. The guest's memory is freed at once all the
  // same.
  bool ends_in_background = false;
  Arguments arguments = {};
  // A packed image, unpacked, that the kernel finds in its memory (Uhyve's internal mode).
  std::span<const std::byte> image = {};
  std::vector<std::string> mounts = {};  // where the guest finds files
  OutputTarget output = StandardOutput{};
  // Sees the output that goes to standard output or a file, in order, by one thread at a time.
  std::function<void(std::string_view)> on_output = {};
  std::optional<std::chrono::nanoseconds> timeout = std::nullopt;  // from the beginning of create()
  // A network card, if there is a backend, on a PCI bus. Its thread has nothing of the process but the backend's
  // descriptors and standard error, once the guest runs under a sandbox; the others do not have the backend's then.
  std::optional<NetworkOptions> network = std::nullopt;
  // A debugger may stop the guest and look into it. Its thread has the vCPUs and the guest's memory, and connections.
  std::optional<debug::DebugOptions> debug = std::nullopt;
  IsolationOptions isolation = {};
  // Get a line each, without its end, from any thread: every hypercall; what is odd about the guest, but goes on. After
  // `on_stop`, signals interrupt their system calls, and they have to return soon. A pause waits for them, too, and may
  // interrupt them.
  std::function<void(std::string_view)> trace = {};
  std::function<void(std::string_view)> warn = {};
  // The run is ended from outside, by its time limit or by stop(). Called in any thread and in signal handlers, perhaps
  // more than once.
  std::function<void()> on_stop = {};
};

}  // namespace hermitage::vmm
