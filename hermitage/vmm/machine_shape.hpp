// The properties of a requested machine that an architecture may not have.
#pragma once

#include <cstdint>
#include <optional>

#include "hermitage/entry/version.hpp"

namespace hermitage::vmm {

struct MachineShape {
  std::uint32_t cpu_count = 1;
  bool has_network = false;
  bool has_timer = false;                            // --pit
  bool manages_power = false;                        // --cpu-pm
  bool saves = false;                                // its snapshots are requested
  std::optional<entry::HermitVersion> version = {};  // of the kernel; none: before 0.10
};

}  // namespace hermitage::vmm
