// Messages that carry open files to another process (unix(7), SCM_RIGHTS).
#pragma once

#include <cstddef>
#include <expected>
#include <span>

namespace hermitage::base {

inline constexpr std::size_t kMostSentDescriptors = 4;

// Sends the bytes over a Unix socket in one message, which carries copies of the descriptors. Needs at least one byte:
// on some sockets, an empty message cannot carry descriptors. Without descriptors, sends the bytes only. Does not wait,
// and causes no SIGPIPE. The error is an error number: EINVAL for no bytes or more than kMostSentDescriptors, EAGAIN if
// the socket does not take all bytes at once.
[[nodiscard]] auto send_with_descriptors(int socket, std::span<const std::byte> bytes,
                                         std::span<const int> descriptors) noexcept -> std::expected<void, int>;

}  // namespace hermitage::base
