// A host's memory.
#pragma once

#include <cstddef>

namespace hermitage::base {

// The page size of the host in bytes. The monitor does not support hosts with larger pages.
inline constexpr std::size_t kHostPageSize = 4096;

}  // namespace hermitage::base
