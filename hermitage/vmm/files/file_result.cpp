#include "hermitage/vmm/files/file_result.hpp"

#include <unistd.h>

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

auto read_into(int descriptor, std::span<const iovec> buffers) noexcept -> ssize_t {
  if (buffers.size() == 1) return ::read(descriptor, buffers.front().iov_base, buffers.front().iov_len);
  return ::readv(descriptor, buffers.data(), static_cast<int>(buffers.size()));
}

auto write_from(int descriptor, std::span<const iovec> buffers) noexcept -> ssize_t {
  if (buffers.size() == 1) return ::write(descriptor, buffers.front().iov_base, buffers.front().iov_len);
  return ::writev(descriptor, buffers.data(), static_cast<int>(buffers.size()));
}

auto read_at(int descriptor, std::uint64_t offset, std::span<const iovec> buffers) noexcept -> ssize_t {
  const auto at = static_cast<off_t>(offset);
  if (buffers.size() == 1) return ::pread(descriptor, buffers.front().iov_base, buffers.front().iov_len, at);
  return ::preadv(descriptor, buffers.data(), static_cast<int>(buffers.size()), at);
}

auto write_at(int descriptor, std::uint64_t offset, std::span<const iovec> buffers) noexcept -> ssize_t {
  const auto at = static_cast<off_t>(offset);
  if (buffers.size() == 1) return ::pwrite(descriptor, buffers.front().iov_base, buffers.front().iov_len, at);
  return ::pwritev(descriptor, buffers.data(), static_cast<int>(buffers.size()), at);
}

}  // namespace hermitage::vmm
