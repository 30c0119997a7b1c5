#include "hermitage/base/descriptor_message.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/uio.h>

namespace hermitage::base {

auto send_with_descriptors(int socket, std::span<const std::byte> bytes, std::span<const int> descriptors) noexcept
    -> std::expected<void, int> {
  if (bytes.empty() || descriptors.size() > kMostSentDescriptors) return std::unexpected{EINVAL};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kMostSentDescriptors * sizeof(int))> control{};
  iovec part{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    auto* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  const auto sent = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) return std::unexpected{errno};
  if (static_cast<std::size_t>(sent) != bytes.size()) return std::unexpected{EAGAIN};
  return {};
}

}  // namespace hermitage::base
