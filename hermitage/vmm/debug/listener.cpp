#include "hermitage/vmm/debug/listener.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace hermitage::vmm::debug {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr int kOne = 1;

auto failed(const char* call, std::string_view place) -> std::unexpected<Error> {
  return system_failure(fmt::format("{} of {}", call, place), errno);
}

auto open_socket(int domain) -> Descriptor {
  return Descriptor{::socket(domain, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
}

template <class Address>
auto bind_and_listen(Descriptor socket, const Address& address, std::string_view place, int backlog)
    -> Result<Descriptor> {
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return failed("bind", place);
  if (::listen(socket.get(), backlog) != 0) return failed("listen", place);
  return socket;
}

// Whether no process has this socket open. The probe is a socket of another type, so it never connects: a debugged
// guest would stop for the connection.
auto is_abandoned(const sockaddr_un& address) -> bool {
  struct stat file{};
  if (::lstat(std::begin(address.sun_path), &file) != 0 || !S_ISSOCK(file.st_mode)) return false;
  const Descriptor probe{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (!probe.is_open()) return false;
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
         errno == ECONNREFUSED;
}

auto listen_at_path(std::string_view place, const ListenOptions& options) -> Result<Listener> {
  const auto path = place.substr(kUnix.size());
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(ErrorCode::configuration, fmt::format("'{}': a path of 1 to {} bytes is expected behind unix:", place,
                                                      sizeof address.sun_path - 1));
  }
  path.copy(std::begin(address.sun_path), path.size());
  auto socket = open_socket(AF_UNIX);
  if (!socket.is_open()) return failed("socket", place);
  if (is_abandoned(address)) ::unlink(std::begin(address.sun_path));
  // bind(2) gives the file the mode of the socket, less the umask.
  if (options.mode && ::fchmod(socket.get(), *options.mode) != 0) return failed("fchmod", place);
  auto listening = bind_and_listen(std::move(socket), address, place, options.backlog);
  if (!listening) return std::unexpected{listening.error()};
  return Listener{.socket = std::move(*listening), .address = std::string{path}};
}

auto parse_port(std::string_view text) -> std::optional<std::uint16_t> {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

auto parse_address(std::string_view place) -> std::optional<sockaddr_in> {
  const auto colon = place.rfind(':');
  const std::string host{colon == std::string_view::npos ? "127.0.0.1" : place.substr(0, colon)};
  const auto port = parse_port(colon == std::string_view::npos ? place : place.substr(colon + 1));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (!port || ::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return std::nullopt;
  address.sin_port = htons(*port);
  return address;
}

auto name_of(const Descriptor& socket, const sockaddr_in& address) -> std::string {
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  std::array<char, INET_ADDRSTRLEN> host{};
  ::inet_ntop(AF_INET, &address.sin_addr, host.data(), host.size());
  return fmt::format("{}:{}", host.data(), ntohs(bound.sin_port));
}

}  // namespace

auto listen_at(std::string_view place, const ListenOptions& options) -> Result<Listener> {
  if (place.starts_with(kUnix)) return listen_at_path(place, options);
  const auto address = parse_address(place);
  if (!address) {
    return fail(ErrorCode::configuration, fmt::format("'{}': PORT, ADDRESS:PORT or unix:PATH is expected", place));
  }
  auto socket = open_socket(AF_INET);
  if (!socket.is_open()) return failed("socket", place);
  // Connections inherit it: short replies are sent without delay.
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &kOne, sizeof kOne);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &kOne, sizeof kOne);
  auto listening = bind_and_listen(std::move(socket), *address, place, options.backlog);
  if (!listening) return std::unexpected{listening.error()};
  auto name = name_of(*listening, *address);
  return Listener{.socket = std::move(*listening), .address = std::move(name)};
}

}  // namespace hermitage::vmm::debug
