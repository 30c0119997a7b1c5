// The resources that a run used, and the reasons of its exits.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace hermitage::vmm {

// How long the monitor handled the hypercalls of one kind: from the exit until the guest continues.
struct HypercallTimes {
  std::uint64_t count = 0;
  std::chrono::nanoseconds median = {};  // these two are off by 6.25 % at most: see observe::Histogram
  std::chrono::nanoseconds percentile_99 = {};
  std::chrono::nanoseconds total = {};
};

struct Statistics {
  // The number of exits for each reason ("hypercall open", "port read" …) and vCPU.
  std::map<std::string, std::vector<std::uint64_t>> exits;
  std::uint64_t coalesced_writes = 0;         // to ports, without exits
  std::chrono::nanoseconds preparation = {};  // from the start of create() to the first instruction
  std::chrono::nanoseconds run_time = {};     // from the first instruction to the end
  std::uint64_t peak_memory = 0;              // of this process, in bytes
  // By name ("open"), of all vCPUs; empty if the options do not ask for it. Hypercalls that KVM collects, without an
  // exit, are not among them.
  std::map<std::string, HypercallTimes> hypercalls = {};
};

// Counts the exits of one vCPU. Only its thread uses it.
class ExitCounts {
 public:
  // `name` is a string literal. It is identified by its address; add_to() adds the counts of equal names.
  void add(const char* name) {
    for (auto& [known, count] : counts_) {
      if (known != name) continue;
      ++count;
      return;
    }
    counts_.emplace_back(name, 1);
  }

  // Adds these counts to the statistics as those of vCPU `number` of `vcpu_count`.
  void add_to(Statistics& statistics, std::size_t number, std::size_t vcpu_count) const;

 private:
  std::vector<std::pair<const char*, std::uint64_t>> counts_;
};

// The peak memory of this process, in bytes.
[[nodiscard]] auto peak_memory() noexcept -> std::uint64_t;

}  // namespace hermitage::vmm
