#include "hermitage/vmm/statistics.hpp"

#include <sys/resource.h>

namespace hermitage::vmm {

void ExitCounts::add_to(Statistics& statistics, std::size_t number, std::size_t vcpu_count) const {
  for (const auto& [name, count] : counts_) {
    auto& counts = statistics.exits[name];
    counts.resize(vcpu_count);
    counts[number] += count;
  }
}

auto peak_memory() noexcept -> std::uint64_t {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace hermitage::vmm
