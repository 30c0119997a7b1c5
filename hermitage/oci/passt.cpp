#include "hermitage/oci/passt.hpp"

#include <array>
#include <cstddef>
#include <iterator>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "hermitage/base/file_io.hpp"
#include "hermitage/base/passt_options.hpp"
#include "hermitage/oci/call_failure.hpp"
#include "hermitage/oci/process.hpp"
#include "hermitage/oci/settings.hpp"

namespace hermitage::oci {
namespace {

constexpr int kSocketInPasst = 3;

// The abstract names of the sockets of passt begin with this. Names of sockets belong to a network namespace.
constexpr std::string_view kSocketName = "hermitage/passt/";
constexpr const char* kNamesInNamespace = "/proc/thread-self/net/unix";

auto give_name(const base::Descriptor& socket) -> bool {
  struct stat status{};
  if (::fstat(socket.get(), &status) != 0) return false;
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  const auto name = fmt::format("{}{}", kSocketName, status.st_ino);  // which no other socket has
  name.copy(std::begin(address.sun_path) + 1, sizeof address.sun_path - 1);
  const auto size = offsetof(sockaddr_un, sun_path) + 1 + name.size();
  return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size)) == 0;
}

auto last_line(std::string text) -> std::string {
  while (text.ends_with('\n')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace

auto start_passt(const std::vector<base::PortForward>& forwards, const std::vector<std::string>& nameservers)
    -> std::expected<base::Descriptor, std::string> {
  const auto program = find_system_program("passt");
  if (!program) return std::unexpected{"the program passt is not installed"};
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return call_failure("socketpair");
  base::Descriptor guests_end{ends[0]};
  const base::Descriptor passts_end{ends[1]};
  if (!give_name(passts_end)) return call_failure("bind of passt's socket");
  std::vector<std::string> arguments{"--quiet", "--fd", std::to_string(kSocketInPasst)};
  for (const auto& server : nameservers) arguments.insert(arguments.end(), {"--dns", server});
  const auto ports = base::passt_port_options(forwards);
  arguments.insert(arguments.end(), ports.begin(), ports.end());
  // The program ends when the process that it leaves in the background is ready.
  const auto errors = errors_of(*program, arguments, passts_end.get(), kSocketInPasst);
  if (!errors) return std::unexpected{fmt::format("cannot start {}", *program)};
  if (errors->status == 0) return guests_end;
  return std::unexpected{fmt::format("passt: {}", last_line(errors->text))};
}

auto passt_serves_this_network() -> bool {
  constexpr std::size_t kMaxSize = std::size_t{16} << 20;  // bytes
  const base::Descriptor file{::open(kNamesInNamespace, O_RDONLY | O_CLOEXEC)};
  const auto bytes = base::read_all(file.get(), kMaxSize);
  if (!bytes) return false;
  const std::string_view text{reinterpret_cast<const char*>(bytes->data()), bytes->size()};
  return text.find(fmt::format(" @{}", kSocketName)) != std::string_view::npos;
}

}  // namespace hermitage::oci
