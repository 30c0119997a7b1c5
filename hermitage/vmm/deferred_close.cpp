#include "hermitage/vmm/deferred_close.hpp"

#include <array>
#include <cstddef>

#include <sys/socket.h>

#include "hermitage/base/descriptor_message.hpp"

namespace hermitage::vmm {

auto DeferredClose::of(int descriptor) noexcept -> std::optional<DeferredClose> {
  std::array sockets{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sockets.data()) != 0) return std::nullopt;
  DeferredClose result{Descriptor{sockets[0]}, Descriptor{sockets[1]}};
  const std::array sent{result.holder_.get(), descriptor};
  if (!base::send_with_descriptors(result.trigger_.get(), std::array{std::byte{}}, sent)) return std::nullopt;
  return result;
}

}  // namespace hermitage::vmm
