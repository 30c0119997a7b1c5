// The description of a snapshot in JSON, for users and other programs.
#pragma once

#include <span>
#include <string>

#include "hermitage/vmm/snapshot/format.hpp"
#include "hermitage/vmm/snapshot/machine_state.hpp"

namespace hermitage::vmm::snapshot {

// One object, and a line end. Bytes that are not UTF-8 are replaced.
[[nodiscard]] auto describe(const MachineState& machine, std::span<const MemoryRun> runs) -> std::string;

}  // namespace hermitage::vmm::snapshot
