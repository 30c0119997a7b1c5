// The results of file operations: a value, or an error number of the guest.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstdint>
#include <expected>
#include <span>

#include "hermitage/entry/uhyve_interface.hpp"

namespace hermitage::vmm {

using entry::uhyve::Errno;

template <class T>
using FileResult = std::expected<T, Errno>;

// Converts an error number of the host to the guest's. The numbers are equal. EIO for a number that Hermit does not
// know.
[[nodiscard]] auto guest_errno(int host_errno) noexcept -> Errno;

[[nodiscard]] inline auto fails(Errno error) noexcept -> std::unexpected<Errno> {
  return std::unexpected{error};
}

// Returns errno as an error.
[[nodiscard]] auto last_error() noexcept -> std::unexpected<Errno>;

// Returns bytes.
[[nodiscard]] auto total_size(std::span<const iovec> buffers) noexcept -> std::uint64_t;

// As readv(2) and writev(2). A single buffer, which is the usual case, is passed directly, without a list for the
// host's kernel to check.
[[nodiscard]] auto read_into(int descriptor, std::span<const iovec> buffers) noexcept -> ssize_t;
[[nodiscard]] auto write_from(int descriptor, std::span<const iovec> buffers) noexcept -> ssize_t;

// As preadv(2) and pwritev(2), with the same treatment of a single buffer.
[[nodiscard]] auto read_at(int descriptor, std::uint64_t offset, std::span<const iovec> buffers) noexcept -> ssize_t;
[[nodiscard]] auto write_at(int descriptor, std::uint64_t offset, std::span<const iovec> buffers) noexcept -> ssize_t;

}  // namespace hermitage::vmm
