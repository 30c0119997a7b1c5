#include "hermitage/vmm/file_result.hpp"

#include <cerrno>

namespace hermitage::vmm {

auto guest_errno(int host_errno) noexcept -> Errno {
  constexpr int kLastHermitErrno = 133;
  return host_errno > 0 && host_errno <= kLastHermitErrno ? static_cast<Errno>(host_errno) : Errno::io;
}

auto last_error() noexcept -> std::unexpected<Errno> {
  return fails(guest_errno(errno));
}

auto total_size(std::span<const iovec> buffers) noexcept -> std::uint64_t {
  std::uint64_t total = 0;
  for (const auto& buffer : buffers) total += buffer.iov_len;
  return total;
}

}  // namespace hermitage::vmm
