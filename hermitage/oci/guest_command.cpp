#include "hermitage/oci/guest_command.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/base/descriptor_message.hpp"
#include "hermitage/oci/call_failure.hpp"
#include "hermitage/oci/container.hpp"
#include "hermitage/oci/root_file_system.hpp"

namespace hermitage::oci {
namespace {

using base::ControlCommand;

constexpr std::size_t kMaxAnswer = std::size_t{4} << 20;  // bytes
// Saving a guest takes as long as its file system does.
constexpr std::chrono::hours kSavingTime{24};

// A monitor whose queue of connections is full must not keep this process: this limits connect(2), too.
auto limit_sending(int socket, std::chrono::milliseconds time) -> bool {
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(time);
  const timeval limit{.tv_sec = whole.count(), .tv_usec = std::chrono::microseconds{time - whole}.count()};
  return ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0;
}

// Whether the process listens at the other end.
auto is_of_process(int socket, pid_t process) -> bool {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == process;
}

auto connect_to(pid_t monitor, const RootFileSystem& files, std::chrono::milliseconds time)
    -> std::expected<base::Descriptor, std::string> {
  const auto place = files.find(std::string{kControlPath});
  struct stat status{};
  if (!place || ::fstat(place->get(), &status) != 0 || !S_ISSOCK(status.st_mode)) {
    return std::unexpected{"the monitor takes no commands: it has not started, or has ended"};
  }
  base::Descriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (!socket.is_open()) return call_failure("socket");
  if (!limit_sending(socket.get(), time)) return call_failure("setsockopt SO_SNDTIMEO");
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  fmt::format_to_n(std::begin(address.sun_path), sizeof address.sun_path - 1, "/proc/self/fd/{}", place->get());
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return call_failure("connect to the monitor");
  }
  if (!is_of_process(socket.get(), monitor)) {
    return std::unexpected{"the socket in the container is not that of its monitor"};
  }
  return socket;
}

auto printable_lines(std::string text) -> std::string {
  std::ranges::replace_if(text, [](unsigned char c) { return (c < ' ' && c != '\n') || c > '~'; }, '?');
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  return text;
}

// Everything up to the end of the connection; none if that is not there in time, or longer than kMaxAnswer.
auto receive_all(int socket, std::chrono::milliseconds time) -> std::optional<std::string> {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + time;
  std::string text;
  std::array<char, 65536> piece{};
  while (text.size() <= kMaxAnswer) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) return std::nullopt;
    pollfd event{.fd = socket, .events = POLLIN, .revents = 0};
    if (::poll(&event, 1, static_cast<int>(left)) <= 0) continue;
    const auto got = ::recv(socket, piece.data(), piece.size(), MSG_DONTWAIT);
    if (got == 0) return text;
    if (got < 0 && errno != EAGAIN && errno != EINTR) return std::nullopt;
    text.append(piece.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  }
  return std::nullopt;
}

auto read_answer(int socket, std::chrono::milliseconds time) -> std::expected<std::string, std::string> {
  const auto received = receive_all(socket, time);
  if (!received) return std::unexpected{"the monitor has not answered in time, or too much"};
  auto text = *received;
  const char outcome = text.empty() ? '\0' : text.front();
  if (outcome != base::kControlDone && outcome != base::kControlFailed) {
    return std::unexpected{"the monitor has not answered"};
  }
  text = printable_lines(text.substr(1));
  if (outcome == base::kControlDone) return text;
  if (text.ends_with('\n')) text.pop_back();
  return std::unexpected{std::move(text)};
}

// The command carries these descriptors.
auto converse(pid_t monitor, const RootFileSystem& files, const GuestCommand& command, std::span<const int> descriptors,
              std::chrono::milliseconds time) -> std::expected<std::string, std::string> {
  const auto socket = connect_to(monitor, files, time);
  if (!socket) return std::unexpected{socket.error()};
  const auto line = command.name + '\n';
  const auto sent = base::send_with_descriptors(socket->get(), std::as_bytes(std::span{line}), descriptors);
  if (!sent) return std::unexpected{fmt::format("sendmsg: {}", std::strerror(sent.error()))};
  const bool saves = command.command == ControlCommand::snapshot;
  return read_answer(socket->get(), saves ? kSavingTime : time);
}

}  // namespace

auto parse_guest_command(const std::vector<std::string>& words) -> std::expected<GuestCommand, std::string> {
  const auto command = words.empty() ? std::nullopt : base::parse_control_command(words.front());
  if (!command) {
    return std::unexpected{
        "exec: a Hermit container runs one guest and no other program; the commands are stats, trace, pause, resume "
        "and snapshot FILE; for probes, use the network (httpGet, tcpSocket)"};
  }
  const bool has_file = *command == ControlCommand::snapshot;
  if (words.size() != (has_file ? 2U : 1U)) {
    return std::unexpected{fmt::format("exec: '{}' takes {}", words.front(),
                                       has_file ? "the path of a new file in the container" : "no arguments")};
  }
  GuestCommand result{.command = *command, .name = words.front(), .file = has_file ? words.back() : ""};
  if (has_file && !result.file.starts_with('/')) {
    return std::unexpected{fmt::format("exec: snapshot '{}': not an absolute path in the container", result.file)};
  }
  return result;
}

auto send_guest_command(pid_t monitor, const GuestCommand& command, std::chrono::milliseconds time)
    -> std::expected<std::string, std::string> {
  const auto files = RootFileSystem::open(fmt::format("/proc/{}/root", monitor));
  if (!files) return std::unexpected{files.error()};
  if (command.command != ControlCommand::snapshot) return converse(monitor, *files, command, {}, time);
  const auto file = files->create(command.file);
  if (!file) return std::unexpected{file.error()};
  auto answer = converse(monitor, *files, command, std::array{file->contents().get()}, time);
  if (!answer) file->remove();
  return answer;
}

}  // namespace hermitage::oci
