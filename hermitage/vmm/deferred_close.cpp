#include "hermitage/vmm/deferred_close.hpp"

#include <array>
#include <cstring>

#include <sys/socket.h>
#include <sys/uio.h>

namespace hermitage::vmm {
namespace {

// The message has one byte: on some sockets, an empty message cannot contain descriptors.
auto send(int socket, std::array<int, 2> descriptors) noexcept -> bool {
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof descriptors)> control{};
  std::byte content{};
  iovec part{.iov_base = &content, .iov_len = sizeof content};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  auto* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof descriptors);
  std::memcpy(CMSG_DATA(header), descriptors.data(), sizeof descriptors);
  return ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof content;
}

}  // namespace

auto DeferredClose::of(int descriptor) noexcept -> std::optional<DeferredClose> {
  std::array sockets{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sockets.data()) != 0) return std::nullopt;
  DeferredClose result{Descriptor{sockets[0]}, Descriptor{sockets[1]}};
  if (!send(result.trigger_.get(), {result.holder_.get(), descriptor})) return std::nullopt;
  return result;
}

}  // namespace hermitage::vmm
