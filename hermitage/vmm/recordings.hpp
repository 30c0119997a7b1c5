// The recordings of a run (see observe/), as a machine uses them.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hermitage/entry/kernel_object.hpp"
#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/machine_options.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"
#include "hermitage/vmm/observe/stack_walk.hpp"
#include "hermitage/vmm/observe/timeline.hpp"
#include "hermitage/vmm/observe/vcpu_observer.hpp"
#include "hermitage/vmm/statistics.hpp"
#include "hermitage/vmm/vcpu.hpp"

namespace hermitage::vmm {

// Lets a debugger, if there is one, turn the trace of hypercalls on and off.
void add_trace_switch(MachineOptions& options);

// Makes the timeline, if there is one, see the lines of hypercalls, which it shows with their exits, the output, and
// frames.
void add_timeline(MachineOptions& options);

// The executable segments of the loaded kernel.
[[nodiscard]] auto code_of(const entry::KernelObject& kernel, const arch::MemoryLayout& layout)
    -> std::vector<observe::CodeRange>;

// Makes an observer for each vCPU, or none if nothing is recorded. They must exist until the run has ended. `code` is
// for samples of stacks.
[[nodiscard]] auto observe_vcpus(const MachineOptions& options, const GuestMemory& memory,
                                 const std::vector<observe::CodeRange>& code,
                                 std::span<const std::unique_ptr<Vcpu>> vcpus)
    -> std::vector<std::unique_ptr<observe::VcpuObserver>>;

// Merges the times of all vCPUs.
[[nodiscard]] auto hypercall_times(std::span<const std::unique_ptr<observe::VcpuObserver>> observers)
    -> std::map<std::string, HypercallTimes>;

// The moments of a run that has ended.
struct RunTimes {
  std::chrono::steady_clock::time_point begin;       // of Machine::run()
  std::chrono::steady_clock::time_point entered_at;  // the first instruction of the guest
  std::chrono::steady_clock::time_point ended_at;
};

// Adds the phases of the run, the last of which ends now.
void add_run(observe::Timeline& timeline, const RunTimes& times);

}  // namespace hermitage::vmm
