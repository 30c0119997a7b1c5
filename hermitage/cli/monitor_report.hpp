// What the monitor has to say about a guest that has run.
#pragma once

#include <string>

#include "hermitage/launch/monitor.hpp"
#include "hermitage/vmm/ending.hpp"
#include "hermitage/vmm/statistics.hpp"

namespace hermitage::cli {

// The vCPU's registers as lines, and the name of the function that it was in, if the kernel's symbols have one.
// Not `all`: those that tell most.
[[nodiscard]] auto registers_text(const vmm::GuestDeath& death, const launch::KernelPlace& kernel, bool all)
    -> std::string;

[[nodiscard]] auto statistics_text(const vmm::Statistics& statistics) -> std::string;
// One JSON object, with times in nanoseconds and sizes in bytes.
[[nodiscard]] auto statistics_json(const vmm::Statistics& statistics) -> std::string;

}  // namespace hermitage::cli
