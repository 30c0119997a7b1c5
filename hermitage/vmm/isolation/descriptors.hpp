// Gives a thread its own descriptors, so that other threads cannot use them.
#pragma once

#include <span>

#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm::isolation {

// Called by a thread: from now on, it has its own descriptor table, in which only these and standard error are open.
// Fails with host_failed.
[[nodiscard]] auto keep_only(std::span<const int> descriptors) -> Result<void>;

// Called by another thread, after the first one has its own table: these numbers refer to an unused event from now on,
// and can be closed as before. Fails with host_failed.
[[nodiscard]] auto hide(std::span<const int> descriptors) -> Result<void>;

}  // namespace hermitage::vmm::isolation
