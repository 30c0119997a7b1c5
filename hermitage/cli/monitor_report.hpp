// Reports about a guest that has run in the monitor.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "hermitage/launch/monitor.hpp"
#include "hermitage/vmm/ending.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/statistics.hpp"

namespace hermitage::cli {

// The registers of the vCPU as lines. Without `all`, only the most useful ones.
[[nodiscard]] auto registers_text(const vmm::GuestCrash& crash, const launch::KernelPlace& kernel, bool all)
    -> std::string;

// The active functions of the crashed vCPU as lines, the innermost first: see inspect::make_backtrace(). Empty if the
// kernel cannot be read, or the registers are not known.
[[nodiscard]] auto backtrace_text(const vmm::GuestCrash& crash, const launch::KernelPlace& kernel) -> std::string;

// One sentence about a core file, for this path.
[[nodiscard]] auto core_text(const vmm::Result<launch::CoreReport>& core, const std::string& path) -> std::string;

// The last hypercalls of each vCPU as lines: see MonitorRun::hypercalls().
[[nodiscard]] auto last_hypercalls_text(std::span<const std::vector<std::string>> hypercalls) -> std::string;

[[nodiscard]] auto statistics_text(const vmm::Statistics& statistics) -> std::string;
// One JSON object, with times in nanoseconds and sizes in bytes.
[[nodiscard]] auto statistics_json(const vmm::Statistics& statistics) -> std::string;

}  // namespace hermitage::cli
