// A thread that has descriptors of its own, so that what it reaches is out of reach for the others.
#pragma once

#include <span>

#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm::isolation {

// By a thread: from now on its descriptors are its own, and only these and standard error are open. Fails with
// host_failed.
[[nodiscard]] auto keep_only(std::span<const int> descriptors) -> Result<void>;

// By another thread, once the first has its own: the numbers lead to an event of nobody from now on, and can be closed
// as before. Fails with host_failed.
[[nodiscard]] auto hide(std::span<const int> descriptors) -> Result<void>;

}  // namespace hermitage::vmm::isolation
