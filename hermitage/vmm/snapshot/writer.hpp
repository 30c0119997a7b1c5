// Writes a snapshot.
#pragma once

#include <vector>

#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"
#include "hermitage/vmm/memory/page_map.hpp"
#include "hermitage/vmm/snapshot/format.hpp"
#include "hermitage/vmm/snapshot/machine_state.hpp"

namespace hermitage::vmm::snapshot {

// The runs of pages that are not all zeros, at most kMaxRuns. Short gaps between them are part of a run, because each
// run costs a system call when the guest is restored. Pages that were never touched, by `pages`, are not read.
[[nodiscard]] auto runs_of(const GuestMemory& memory, const PageMap& pages) -> std::vector<MemoryRun>;

// Writes the snapshot to an empty file, from its start. The guest must not run. Fails with host_failed; then the
// content of the file is unspecified, and is not a snapshot.
[[nodiscard]] auto write(int file, const MachineState& machine, const GuestMemory& memory, const PageMap& pages)
    -> Result<void>;

}  // namespace hermitage::vmm::snapshot
