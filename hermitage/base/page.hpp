// A host's memory.
#pragma once

#include <cstddef>

namespace hermitage::base {

// The least that mmap(2) maps, in bytes. A host with larger pages runs no monitor.
inline constexpr std::size_t kHostPageSize = 4096;

}  // namespace hermitage::base
