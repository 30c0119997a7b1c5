#include "hermitage/vmm/control_server.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hermitage/vmm/control_options.hpp"
#include "hermitage/vmm/debug/listener.hpp"

namespace hermitage::vmm {
namespace {

using base::ControlCommand;

// Clients are served one after another.
constexpr int kBacklog = 16;

auto refuse(std::string text) -> std::unexpected<Error> {
  return fail(ErrorCode::configuration, std::move(text));
}

auto error_of(PauseOutcome outcome) -> std::unexpected<Error> {
  return fail(ErrorCode::host_failed, outcome == PauseOutcome::ended
                                          ? "the guest has ended"
                                          : "a vCPU waits for the host in a call that does not return");
}

// Tries for a second: a busy host may not run a vCPU's thread in time.
auto pause_patiently(const ControlServer::Guest& guest) -> PauseOutcome {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds{1};
  auto outcome = guest.pause();
  while (outcome == PauseOutcome::timed_out && std::chrono::steady_clock::now() < limit) outcome = guest.pause();
  return outcome;
}

// Pauses the guest for one answer.
auto while_paused(const ControlServer::Guest& guest, const std::function<Result<std::string>()>& answer)
    -> Result<std::string> {
  if (const auto outcome = pause_patiently(guest); outcome != PauseOutcome::paused) return error_of(outcome);
  auto text = answer();
  guest.resume();
  return text;
}

// Takes the first descriptor of a message, and closes any others.
auto take_descriptor(msghdr& message) -> Descriptor {
  Descriptor first;
  for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const auto count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(header) + i * sizeof number, sizeof number);
      Descriptor taken{number};
      if (!first.is_open()) first = std::move(taken);
    }
  }
  return first;
}

// Whether a snapshot can be written there. With O_APPEND, the host would ignore where each part belongs.
auto check_file(int file) -> Result<void> {
  struct stat status{};
  if (::fstat(file, &status) != 0) return system_failure("fstat of the file for the snapshot", errno);
  if (!S_ISREG(status.st_mode)) return refuse("the file for the snapshot is not a regular file");
  if (status.st_size != 0) return refuse("the file for the snapshot is not empty");
  const int flags = ::fcntl(file, F_GETFL);
  const bool is_writable = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && (flags & (O_APPEND | O_PATH)) == 0;
  if (!is_writable) return refuse("the file for the snapshot is not open for writing, or only for appending");
  return {};
}

}  // namespace

auto listen_for_control(const std::string& path) -> Result<Descriptor> {
  auto listener = debug::listen_at("unix:" + path, {.mode = S_IRUSR | S_IWUSR, .backlog = kBacklog});
  if (!listener) return std::unexpected{std::move(listener.error())};
  return std::move(listener->socket);
}

auto ControlServer::make(Descriptor listener) -> Result<std::unique_ptr<ControlServer>> {
  auto event = Event::make();
  if (!event) return std::unexpected{event.error()};
  return std::unique_ptr<ControlServer>{new ControlServer{std::move(listener), std::move(*event)}};
}

void ControlServer::run(const Guest& guest) {
  while (!guest.is_stopping()) {
    std::array<pollfd, 2> ready{{{.fd = listener_.get(), .events = POLLIN, .revents = 0},
                                 {.fd = event_.descriptor(), .events = POLLIN, .revents = 0}}};
    if (::poll(ready.data(), ready.size(), -1) <= 0) continue;
    if (ready[1].revents != 0) event_.clear();
    const Descriptor client{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (client.is_open()) serve(client.get(), guest);
  }
}

void ControlServer::serve(int client, const Guest& guest) {
  const auto request = receive(client, guest);
  if (!request) return;
  const auto answered = answer(*request, guest);
  const auto& text = answered ? *answered : answered.error().text;
  send(client, fmt::format("{}{}", answered ? base::kControlDone : base::kControlFailed, text), guest);
}

auto ControlServer::receive(int client, const Guest& guest) const -> std::optional<Request> {
  const auto limit = Clock::now() + kClientTime;
  Request request;
  while (request.line.size() < base::kMaxControlLine && wait_for(client, POLLIN, limit, guest)) {
    std::array<char, base::kMaxControlLine> bytes{};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
    iovec target{.iov_base = bytes.data(), .iov_len = bytes.size() - request.line.size()};
    msghdr message{};
    message.msg_iov = &target;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const auto size = ::recvmsg(client, &message, MSG_CMSG_CLOEXEC);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (size <= 0) return std::nullopt;
    if (auto file = take_descriptor(message); file.is_open()) request.file = std::move(file);
    request.line.append(bytes.data(), static_cast<std::size_t>(size));
    const auto end = request.line.find('\n');
    if (end == std::string::npos) continue;
    request.line.resize(end);
    return request;
  }
  return std::nullopt;
}

// Whether the client is ready before the limit, and the run does not end.
auto ControlServer::wait_for(int client, short events, Clock::time_point limit, const Guest& guest) const -> bool {
  while (!guest.is_stopping()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(limit - Clock::now()).count();
    if (left <= 0) return false;
    std::array<pollfd, 2> ready{
        {{.fd = client, .events = events, .revents = 0}, {.fd = event_.descriptor(), .events = POLLIN, .revents = 0}}};
    if (::poll(ready.data(), ready.size(), static_cast<int>(left)) <= 0) continue;
    if (ready[1].revents != 0) event_.clear();
    if (ready[0].revents != 0) return true;
  }
  return false;
}

void ControlServer::send(int client, std::string_view bytes, const Guest& guest) const {
  const auto limit = Clock::now() + kClientTime;
  while (!bytes.empty() && wait_for(client, POLLOUT, limit, guest)) {
    iovec source{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
    msghdr message{};
    message.msg_iov = &source;
    message.msg_iovlen = 1;
    const auto sent = ::sendmsg(client, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return;
    bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
  }
}

auto ControlServer::answer(const Request& request, const Guest& guest) -> Result<std::string> {
  const auto command = base::parse_control_command(request.line);
  if (!command) return refuse("the command is none of stats, trace, pause, resume and snapshot");
  switch (*command) {
    case ControlCommand::stats: return while_paused(guest, guest.statistics);
    case ControlCommand::trace: return while_paused(guest, guest.hypercalls);
    case ControlCommand::pause: return pause(guest);
    case ControlCommand::resume: return resume(guest);
    case ControlCommand::snapshot: return save(request, guest);
  }
  return {};
}

auto ControlServer::pause(const Guest& guest) -> Result<std::string> {
  if (is_paused_) return refuse("the guest is paused already");
  if (const auto outcome = pause_patiently(guest); outcome != PauseOutcome::paused) return error_of(outcome);
  is_paused_ = true;
  return {};
}

auto ControlServer::resume(const Guest& guest) -> Result<std::string> {
  if (!is_paused_) return refuse("the guest is not paused");
  guest.resume();
  is_paused_ = false;
  return {};
}

auto ControlServer::save(const Request& request, const Guest& guest) const -> Result<std::string> {
  if (is_paused_) return refuse("the guest is paused; resume it to save it");
  if (!request.file.is_open()) return refuse("no file was passed for the snapshot");
  if (auto checked = check_file(request.file.get()); !checked) return std::unexpected{std::move(checked.error())};
  if (auto saved = guest.save(request.file.get()); !saved) return std::unexpected{std::move(saved.error())};
  return {};
}

}  // namespace hermitage::vmm
