// What a run cost, and why vCPUs left the guest.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace hermitage::vmm {

struct Statistics {
  // How often each vCPU left the guest for each reason: "hypercall open", "port read" …
  std::map<std::string, std::vector<std::uint64_t>> exits;
  std::uint64_t coalesced_writes = 0;         // to ports, without leaving the guest
  std::chrono::nanoseconds preparation = {};  // from the beginning of create() to the first instruction
  std::chrono::nanoseconds run_time = {};     // from there to the end
  std::uint64_t peak_memory = 0;              // of this process, in bytes
};

// Counts the exits of one vCPU. Used by its thread.
class ExitCounts {
 public:
  // `name` is a literal, and one literal for each reason: it is found by its address.
  void add(const char* name) {
    for (auto& [known, count] : counts_) {
      if (known != name) continue;
      ++count;
      return;
    }
    counts_.emplace_back(name, 1);
  }

  // Adds these as the counts of vCPU `number` of `vcpu_count`.
  void add_to(Statistics& statistics, std::size_t number, std::size_t vcpu_count) const;

 private:
  std::vector<std::pair<const char*, std::uint64_t>> counts_;
};

// The most memory that this process has had, in bytes.
[[nodiscard]] auto peak_memory() noexcept -> std::uint64_t;

}  // namespace hermitage::vmm
