// Reports about a guest that has run in the monitor.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "hermitage/launch/monitor.hpp"
#include "hermitage/vmm/ending.hpp"
#include "hermitage/vmm/statistics.hpp"

namespace hermitage::cli {

// The registers of the vCPU as lines, with the name of the current function, if the kernel has symbols.
// Without `all`, only the most useful registers.
[[nodiscard]] auto registers_text(const vmm::GuestDeath& death, const launch::KernelPlace& kernel, bool all)
    -> std::string;

// The last hypercalls of each vCPU as lines: see MonitorRun::hypercalls().
[[nodiscard]] auto hypercalls_text(std::span<const std::vector<std::string>> hypercalls) -> std::string;

[[nodiscard]] auto statistics_text(const vmm::Statistics& statistics) -> std::string;
// One JSON object, with times in nanoseconds and sizes in bytes.
[[nodiscard]] auto statistics_json(const vmm::Statistics& statistics) -> std::string;

}  // namespace hermitage::cli
