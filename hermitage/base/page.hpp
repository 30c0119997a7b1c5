// A host's memory.
#pragma once

#include <cstddef>

#include <sys/auxv.h>

namespace hermitage::base {

// The page size of the host in bytes: 4096 on x86_64; also 16,384 or 65,536 on aarch64. A signal handler may call it.
[[nodiscard]] inline auto host_page_size() noexcept -> std::size_t {
  return ::getauxval(AT_PAGESZ);
}

}  // namespace hermitage::base
