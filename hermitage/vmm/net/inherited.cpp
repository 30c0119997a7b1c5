#include "hermitage/vmm/net/inherited.hpp"

#include <cerrno>
#include <string>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include "hermitage/base/network.hpp"
#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/net/socket.hpp"
#include "hermitage/vmm/net/tap.hpp"

namespace hermitage::vmm::net {
namespace {

auto is_listening(int number) -> bool {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(number, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value != 0;
}

auto is_connected(int number) -> bool {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  return ::getpeername(number, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
}

auto refuse(const std::string& name, const char* what) -> std::unexpected<Error> {
  return fail(ErrorCode::configuration, fmt::format("{} is {}; a tap or a connected socket is expected", name, what));
}

auto duplicate(int number, const std::string& name) -> Result<Descriptor> {
  Descriptor copy{::fcntl(number, F_DUPFD_CLOEXEC, 3)};
  if (!copy.is_open()) return system_failure(fmt::format("F_DUPFD_CLOEXEC of {}", name), errno);
  return copy;
}

auto make_backend(Descriptor descriptor, std::string name) -> Result<std::unique_ptr<Backend>> {
  if (base::is_tap(descriptor.get())) {
    auto tap = Tap::adopt(std::move(descriptor));
    if (!tap) return fail(tap.error().code, fmt::format("{}: {}", name, tap.error().message()));
    return std::move(*tap);
  }
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(descriptor.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    return refuse(name, "neither a tap nor a socket");
  }
  if (is_listening(descriptor.get())) return refuse(name, "a socket that waits for connections");
  if (!is_connected(descriptor.get())) return refuse(name, "a socket without a peer");
  switch (type) {
    case SOCK_STREAM: return std::make_unique<StreamSocket>(std::move(descriptor), std::move(name));
    case SOCK_DGRAM: return std::make_unique<DatagramSocket>(std::move(descriptor), std::move(name), false);
    case SOCK_SEQPACKET: return std::make_unique<DatagramSocket>(std::move(descriptor), std::move(name), true);
    default: return refuse(name, "a socket of another type");
  }
}

}  // namespace

auto open_inherited(int number) -> Result<std::unique_ptr<Backend>> {
  auto name = fmt::format("fd:{}", number);
  if (::fcntl(number, F_GETFD) < 0) {
    return fail(ErrorCode::configuration,
                fmt::format("{} is not open; the process that starts this one has to leave it open", name));
  }
  auto copy = duplicate(number, name);
  if (!copy) return std::unexpected{copy.error()};
  return make_backend(std::move(*copy), std::move(name));
}

}  // namespace hermitage::vmm::net
