#include "hermitage/vmm/net/passt.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hermitage/base/passt_options.hpp"
#include "hermitage/base/program.hpp"

namespace hermitage::vmm::net {
namespace {

using base::PortForward;
using base::Transport;
using Clock = std::chrono::steady_clock;

// The number of the socket's descriptor in passt.
constexpr int kSocket = 3;
constexpr std::size_t kMaxSaid = 16384;
constexpr int kMinPrivilegedEnd = 1024;

auto name_of(Transport transport) -> const char* {
  return transport == Transport::tcp ? "tcp" : "udp";
}

// The forward in the format of an option.
auto name_of(const PortForward& forward, std::uint16_t port) -> std::string {
  if (forward.address.empty()) return fmt::format("port {}/{}", port, name_of(forward.transport));
  const bool is_ipv6 = forward.address.find(':') != std::string::npos;
  const auto address = is_ipv6 ? fmt::format("[{}]", forward.address) : forward.address;
  return fmt::format("{}:{}/{}", address, port, name_of(forward.transport));
}

// An address to bind to, of one family.
struct HostAddress {
  sockaddr_storage bytes{};
  socklen_t size = 0;

  [[nodiscard]] auto family() const -> int { return bytes.ss_family; }
};

auto ipv4_address(in_addr address, std::uint16_t port) -> HostAddress {
  HostAddress result{.bytes = {}, .size = sizeof(sockaddr_in)};
  const sockaddr_in value{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = address, .sin_zero = {}};
  std::memcpy(&result.bytes, &value, sizeof value);
  return result;
}

auto ipv6_address(in6_addr address, std::uint16_t port) -> HostAddress {
  HostAddress result{.bytes = {}, .size = sizeof(sockaddr_in6)};
  sockaddr_in6 value{};
  value.sin6_family = AF_INET6;
  value.sin6_port = htons(port);
  value.sin6_addr = address;
  std::memcpy(&result.bytes, &value, sizeof value);
  return result;
}

auto addresses_of(const PortForward& forward, std::uint16_t port) -> std::vector<HostAddress> {
  if (forward.address.empty()) return {ipv4_address({.s_addr = INADDR_ANY}, port), ipv6_address(in6addr_any, port)};
  in_addr ipv4{};
  if (::inet_pton(AF_INET, forward.address.c_str(), &ipv4) == 1) return {ipv4_address(ipv4, port)};
  in6_addr ipv6{};
  if (::inet_pton(AF_INET6, forward.address.c_str(), &ipv6) == 1) return {ipv6_address(ipv6, port)};
  return {};
}

// Binds as passt will do, and closes the socket. Returns the error number, or 0.
auto try_to_bind(const HostAddress& address, Transport transport) -> int {
  const bool is_tcp = transport == Transport::tcp;
  const Descriptor socket{::socket(address.family(), (is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0)};
  if (!socket.is_open()) return errno == EAFNOSUPPORT ? 0 : errno;
  const int on = 1;
  if (address.family() == AF_INET6) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  // Ignores connections of an earlier server that are about to end. With this option, a UDP socket would share its
  // port.
  if (is_tcp) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address.bytes), address.size) == 0 ? 0 : errno;
}

auto bind_failure(const PortForward& forward, std::uint16_t port, int error_number) -> std::unexpected<Error> {
  std::string help;
  if (error_number == EADDRINUSE) help = "; another program has this port";
  if (error_number == EACCES && port < kMinPrivilegedEnd) {
    help = fmt::format("; allow it: sysctl net.ipv4.ip_unprivileged_port_start={}, or take a port from 1024 up", port);
  }
  if (error_number == EADDRNOTAVAIL) help = "; the host does not have this address";
  return fail(ErrorCode::host_failed,
              fmt::format("bind of {}: {}{}", name_of(forward, port), std::strerror(error_number), help));
}

// Checks all ports, because passt continues if it gets one port of a range, or of one address family.
auto try_ports(const PortForward& forward) -> Result<void> {
  for (unsigned i = 0; i < forward.count; ++i) {
    const auto port = static_cast<std::uint16_t>(forward.host_port + i);
    for (const auto& address : addresses_of(forward, port)) {
      const int error_number = try_to_bind(address, forward.transport);
      // A host without IPv6 has no such address.
      const bool is_absent = forward.address.empty() && address.family() == AF_INET6 && error_number == EADDRNOTAVAIL;
      if (error_number != 0 && !is_absent) return bind_failure(forward, port, error_number);
    }
  }
  return {};
}

// passt has one table of the host's ports for each transport, for all addresses.
auto check_overlaps(std::span<const PortForward> forwards) -> Result<void> {
  std::map<std::pair<Transport, unsigned>, const PortForward*> owners;
  for (const auto& forward : forwards) {
    for (unsigned i = 0; i < forward.count; ++i) {
      if (owners.emplace(std::pair{forward.transport, forward.host_port + i}, &forward).second) continue;
      return fail(ErrorCode::configuration,
                  fmt::format("port {}/{} of the host is forwarded twice; passt forwards it once, for one address or "
                              "for all",
                              forward.host_port + i, name_of(forward.transport)));
    }
  }
  return {};
}

auto check(const PortForward& forward) -> Result<void> {
  const auto last = [&forward](std::uint16_t first) { return first + forward.count - 1; };
  if (forward.count == 0 || forward.host_port == 0 || forward.guest_port == 0 || last(forward.host_port) > UINT16_MAX ||
      last(forward.guest_port) > UINT16_MAX) {
    return fail(ErrorCode::configuration, "ports are from 1 to 65535");
  }
  if (addresses_of(forward, forward.host_port).empty()) {
    return fail(ErrorCode::configuration, fmt::format("'{}' is neither an IPv4 nor an IPv6 address", forward.address));
  }
  return {};
}

auto check_ports(std::span<const PortForward> forwards) -> Result<void> {
  for (const auto& forward : forwards) {
    if (auto checked = check(forward); !checked) return checked;
  }
  if (auto checked = check_overlaps(forwards); !checked) return checked;
  for (const auto& forward : forwards) {
    if (auto tried = try_ports(forward); !tried) return tried;
  }
  return {};
}

auto arguments_for(const PasstOptions& options) -> std::vector<std::string> {
  // passt writes its process ID to its standard output when it is ready.
  std::vector<std::string> arguments{options.program,
                                     "--foreground",
                                     "--quiet",
                                     "--fd",
                                     std::to_string(kSocket),
                                     "--pid",
                                     "/proc/self/fd/1",
                                     "--mtu",
                                     std::to_string(options.mtu)};
  const auto ports = base::passt_port_options(options.forwards);
  arguments.insert(arguments.end(), ports.begin(), ports.end());
  return arguments;
}

struct Pair {
  Descriptor ours;
  Descriptor theirs;
};

auto make_socket_pair() -> Result<Pair> {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return system_failure("socketpair", errno);
  return Pair{.ours = Descriptor{ends[0]}, .theirs = Descriptor{ends[1]}};
}

auto make_pipe(int flags) -> Result<Pair> {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | flags) != 0) return system_failure("pipe2", errno);
  return Pair{.ours = Descriptor{ends[0]}, .theirs = Descriptor{ends[1]}};
}

// From passt to this process. The pipe never blocks its writer: data that does not fit is lost.
auto make_output_pipe() -> Result<Pair> {
  auto pipe = make_pipe(O_NONBLOCK);
  // passt opens it again, as another user if root has started it.
  if (pipe) ::fchmod(pipe->theirs.get(), S_IRUSR | S_IWUSR | S_IWGRP | S_IWOTH);
  return pipe;
}

// From this process to passt.
auto make_input_pipe() -> Result<Pair> {
  auto pipe = make_pipe(0);
  if (pipe) std::swap(pipe->ours, pipe->theirs);
  return pipe;
}

auto start_failure(const std::string& program, int error_number) -> std::unexpected<Error> {
  if (error_number == ENOENT) {
    return fail(ErrorCode::host_failed, fmt::format("{} is not installed; install the package passt", program));
  }
  return system_failure(program, error_number);
}

auto find(const std::string& program) -> Result<std::string> {
  if (program.find('/') == std::string::npos) {
    auto path = base::find_program(program);
    return path ? Result<std::string>{*std::move(path)} : start_failure(program, ENOENT);
  }
  if (::access(program.c_str(), X_OK) != 0) return start_failure(program, errno);
  return program;
}

// The process that becomes passt. After fork(2), it makes only calls that are safe in a signal handler, because this
// process may have other threads.
class Child {
 public:
  struct Descriptors {
    int socket;
    int begin;
    int output;
    int errors;
  };

  Child(std::string path, std::vector<std::string> arguments)
      : path_{std::move(path)}, arguments_{std::move(arguments)} {
    pointers_.reserve(arguments_.size() + 1);
    for (auto& argument : arguments_) pointers_.push_back(argument.data());
    pointers_.push_back(nullptr);
  }
  Child(const Child&) = delete;
  auto operator=(const Child&) -> Child& = delete;

  // Returns when there is nothing to become, or execve(2) fails.
  void run(Descriptors descriptors) {
    reset_signals();
    // A separate process group: Ctrl-C of a terminal reaches only the parent, which then ends passt.
    ::setpgid(0, 0);
    if (!take(descriptors)) return say("dup2");
    char byte = 0;
    while (true) {
      const auto got = ::read(kBegin, &byte, sizeof byte);
      if (got == 0) return;  // the parent does not run its guest, or has ended
      if (got > 0) break;
    }
    std::array<char*, 1> environment{};
    ::execve(path_.c_str(), pointers_.data(), environment.data());
    say(path_.c_str());
  }

 private:
  // After the socket's, and closed by execve(2).
  static constexpr int kBegin = kSocket + 1;

  static void reset_signals() {
    for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
  }

  // Gives each descriptor its number, and closes all others.
  static auto take(Descriptors from) -> bool {
    // First all of them above the new numbers, so that none of them is overwritten.
    for (int* const descriptor : {&from.socket, &from.begin, &from.output, &from.errors}) {
      *descriptor = ::fcntl(*descriptor, F_DUPFD_CLOEXEC, kBegin + 1);
      if (*descriptor < 0) return false;
    }
    const int input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    const bool taken = input >= 0 && ::dup2(input, STDIN_FILENO) >= 0 && ::dup2(from.output, STDOUT_FILENO) >= 0 &&
                       ::dup2(from.errors, STDERR_FILENO) >= 0 && ::dup2(from.socket, kSocket) >= 0 &&
                       ::dup3(from.begin, kBegin, O_CLOEXEC) >= 0;
    ::close_range(kBegin + 1, ~0U, 0);
    return taken;
  }

  // One line for Passt::explain().
  static void say(const char* call) {
    const char* const reason = ::strerrordesc_np(errno);
    for (const char* const text : {call, ": ", reason, "\n"})
      std::ignore = ::write(STDERR_FILENO, text, std::strlen(text));
  }

  std::string path_;
  std::vector<std::string> arguments_;
  std::vector<char*> pointers_;  // to the arguments, and a null pointer
};

// Readable when the process has ended. Only glibc 2.36 and later has a function for this.
auto open_process(pid_t process) -> Descriptor {
  return Descriptor{static_cast<int>(::syscall(SYS_pidfd_open, process, 0))};
}

// Reads the available data. Returns false at the end.
auto read_some(int descriptor, std::string& text) -> bool {
  std::array<char, 4096> buffer{};
  while (true) {
    const auto got = ::read(descriptor, buffer.data(), buffer.size());
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (text.size() < kMaxSaid) text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

auto milliseconds_until(Clock::time_point end) -> int {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
  return static_cast<int>(std::max<std::int64_t>(left, 0));
}

// The last line that states a cause.
auto cause_in(std::string_view said) -> std::string_view {
  std::string_view cause;
  while (!said.empty()) {
    const auto end = said.find('\n');
    const auto line = said.substr(0, end);
    said.remove_prefix(end == std::string_view::npos ? said.size() : end + 1);
    const bool is_noise = line.empty() || line.starts_with("Failed to send ") || line.starts_with("Don't run as root");
    if (!is_noise) cause = line;
  }
  return cause;
}

}  // namespace

struct Passt::Pipes {
  Pair socket;
  Pair begin;
  Pair ready;
  Pair errors;
};

auto Passt::start(const PasstOptions& options) -> Result<std::unique_ptr<Passt>> {
  if (auto checked = check_ports(options.forwards); !checked) return std::unexpected{checked.error()};
  const auto path = find(options.program);
  if (!path) return std::unexpected{path.error()};
  auto socket = make_socket_pair();
  auto begin = make_input_pipe();
  auto ready = make_output_pipe();
  auto errors = make_output_pipe();
  for (const auto* const pair : {&socket, &begin, &ready, &errors}) {
    if (!*pair) return std::unexpected{pair->error()};
  }
  Child child{*path, arguments_for(options)};
  const auto process = ::fork();
  if (process < 0) return system_failure("fork", errno);
  if (process == 0) {
    child.run({.socket = socket->theirs.get(),
               .begin = begin->theirs.get(),
               .output = ready->theirs.get(),
               .errors = errors->theirs.get()});
    ::_exit(1);
  }
  return std::unique_ptr<Passt>{new Passt{{.socket = *std::move(socket),
                                           .begin = *std::move(begin),
                                           .ready = *std::move(ready),
                                           .errors = *std::move(errors)},
                                          process}};
}

Passt::Passt(Pipes pipes, pid_t process)
    : socket_{std::make_unique<StreamSocket>(std::move(pipes.socket.ours), "passt")},
      begin_{std::move(pipes.begin.ours)},
      ready_{std::move(pipes.ready.ours)},
      errors_{std::move(pipes.errors.ours)},
      process_{process},
      ended_{open_process(process)} {}

void Passt::begin() noexcept {
  const char byte = 0;
  std::ignore = ::write(begin_.get(), &byte, sizeof byte);
}

Passt::~Passt() {
  socket_.reset();
  begin_ = Descriptor{};
  pollfd event{.fd = ended_.get(), .events = POLLIN, .revents = 0};
  const auto end = Clock::now() + kPatience;
  while (::poll(&event, 1, milliseconds_until(end)) < 0 && errno == EINTR) {
  }
  // A slower process ends by itself. It can belong to another user now, if root has started it.
  ::waitpid(process_, nullptr, WNOHANG);
}

auto Passt::wait_until_ready(std::chrono::milliseconds limit) -> Result<void> {
  const auto end = Clock::now() + limit;
  std::string process_id;
  while (true) {
    const bool is_open = read_some(ready_.get(), process_id);
    if (process_id.ends_with('\n')) return {};
    if (!is_open) return fail(ErrorCode::host_failed, explain("passt has ended"));
    pollfd event{.fd = ready_.get(), .events = POLLIN, .revents = 0};
    const int left = milliseconds_until(end);
    if (left == 0) return fail(ErrorCode::host_failed, fmt::format("passt is not ready after {} ms", limit.count()));
    ::poll(&event, 1, left);
  }
}

auto Passt::explain(const std::string& otherwise) -> std::string {
  read_some(errors_.get(), said_);
  const auto cause = cause_in(said_);
  if (cause.empty()) return otherwise;
  const auto* const help =
      cause == "External interface not usable" ? "; the host has no interface with a default route" : "";
  return fmt::format("passt has ended: {}{}", cause, help);
}

auto Passt::receive(std::span<std::byte> buffer) -> std::expected<std::size_t, Closed> {
  auto received = socket_->receive(buffer);
  if (!received) return std::unexpected{Closed{explain(received.error().reason)}};
  return received;
}

auto Passt::send(std::span<const iovec> frame) -> std::expected<bool, Closed> {
  auto sent = socket_->send(frame);
  if (!sent) return std::unexpected{Closed{explain(sent.error().reason)}};
  return sent;
}

auto Passt::flush() -> std::expected<void, Closed> {
  auto flushed = socket_->flush();
  if (!flushed) return std::unexpected{Closed{explain(flushed.error().reason)}};
  return flushed;
}

}  // namespace hermitage::vmm::net
