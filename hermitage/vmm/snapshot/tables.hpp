// The tables of a snapshot: a machine's state to and from bytes.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/snapshot/format.hpp"
#include "hermitage/vmm/snapshot/machine_state.hpp"

namespace hermitage::vmm::snapshot {

struct Tables {
  MachineState machine = {};
  std::vector<MemoryRun> runs = {};  // in ascending order, without overlaps
  // The sizes of the contents of machine.files.nodes, in bytes and in their order. parse() leaves the contents empty.
  std::vector<std::uint64_t> content_sizes = {};
  std::uint64_t kernel_file_size = 0;  // bytes; parse() leaves machine.kernel_file empty
};

[[nodiscard]] auto encode(const MachineState& machine, std::span<const MemoryRun> runs) -> std::vector<std::byte>;

// Checks each number and each string. The sum of all sizes of contents, each rounded up to a page, fits into 63 bits.
// Fails with image; the message names the part that is malformed.
[[nodiscard]] auto decode(std::span<const std::byte> bytes) -> Result<Tables>;

}  // namespace hermitage::vmm::snapshot
