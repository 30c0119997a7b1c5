// How calls for files end: with a value, or with one of the guest's error numbers.
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

// The host's error number as the guest's, which are the same; EIO for what Hermit does not know.
[[nodiscard]] auto guest_errno(int host_errno) noexcept -> Errno;

[[nodiscard]] inline auto fails(Errno error) noexcept -> std::unexpected<Errno> {
  return std::unexpected{error};
}

// What errno says.
[[nodiscard]] auto last_error() noexcept -> std::unexpected<Errno>;

// In bytes.
[[nodiscard]] auto total_size(std::span<const iovec> buffers) noexcept -> std::uint64_t;

// As readv(2) and writev(2); a single buffer, which is what guests mostly have, without the list that the host would
// look at.
[[nodiscard]] auto read_into(int descriptor, std::span<const iovec> buffers) noexcept -> ssize_t;
[[nodiscard]] auto write_from(int descriptor, std::span<const iovec> buffers) noexcept -> ssize_t;

// As preadv(2) and pwritev(2), likewise.
[[nodiscard]] auto read_at(int descriptor, std::uint64_t offset, std::span<const iovec> buffers) noexcept -> ssize_t;
[[nodiscard]] auto write_at(int descriptor, std::uint64_t offset, std::span<const iovec> buffers) noexcept -> ssize_t;

}  // namespace hermitage::vmm
