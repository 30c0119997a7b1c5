// The state of a vCPU or of a machine, for snapshots.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hermitage::vmm {

// One part of the state. The architecture defines the kinds and their formats, which are those of KVM's calls.
struct StatePart {
  std::uint32_t kind = 0;
  std::vector<std::byte> bytes = {};

  friend auto operator==(const StatePart&, const StatePart&) -> bool = default;
};
using StateParts = std::vector<StatePart>;

}  // namespace hermitage::vmm
