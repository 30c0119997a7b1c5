// Operations on the bytes of a frame that all backends use.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <expected>
#include <span>

#include <sys/uio.h>

#include "hermitage/vmm/net/backend.hpp"

namespace hermitage::vmm::net {

// The offset of num_buffers in virtio_net_hdr_v1: the last 2 bytes of the header.
inline constexpr std::size_t kBufferCountOffset = 10;

// The maximum number of pieces that are passed to the host. A frame of more pieces is copied first.
inline constexpr std::size_t kMaxPieces = 64;

[[nodiscard]] inline auto size_of(std::span<const iovec> frame) noexcept -> std::size_t {
  std::size_t size = 0;
  for (const auto& piece : frame) size += piece.iov_len;
  return size;
}

// Whether a frame has a header, at least one byte after it, and a permitted size.
[[nodiscard]] inline auto is_sendable(std::size_t size) noexcept -> bool {
  return size > kHeaderSize && size <= kMaxFrame;
}

// Calls visit(bytes) for the pieces without the first `skipped` bytes.
template <class Visit>
void visit_pieces(std::span<const iovec> frame, std::size_t skipped, const Visit& visit) {
  for (const auto& piece : frame) {
    const auto skipped_here = std::min(skipped, piece.iov_len);
    skipped -= skipped_here;
    const std::span bytes{static_cast<std::byte*>(piece.iov_base), piece.iov_len};
    if (skipped_here < piece.iov_len) visit(bytes.subspan(skipped_here));
  }
}

// Copies the bytes after the first `skipped` ones. `target` must be large enough. Returns the end of the copied bytes.
inline auto gather(std::span<const iovec> frame, std::size_t skipped, std::byte* target) noexcept -> std::byte* {
  visit_pieces(frame, skipped,
               [&target](std::span<const std::byte> bytes) { target = std::ranges::copy(bytes, target).out; });
  return target;
}

// Calls send(iovec) with a copy of a frame of many pieces.
template <class Send>
auto send_whole(std::span<const iovec> frame, const Send& send) -> std::expected<bool, Closed> {
  std::array<std::byte, kMaxFrame> copy;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by gather
  const auto* const end = gather(frame, 0, copy.data());
  return send(iovec{.iov_base = copy.data(), .iov_len = static_cast<std::size_t>(end - copy.data())});
}

// Sets the number of buffers of the frame to one, little-endian as all of virtio 1.
inline void write_buffer_count(std::span<std::byte> buffer) noexcept {
  buffer[kBufferCountOffset] = std::byte{1};
  buffer[kBufferCountOffset + 1] = std::byte{0};
}

// The header of a frame without offloads: zeros, and one buffer.
inline void write_plain_header(std::span<std::byte> buffer) noexcept {
  std::ranges::fill(buffer.first(kBufferCountOffset), std::byte{0});
  write_buffer_count(buffer);
}

}  // namespace hermitage::vmm::net
