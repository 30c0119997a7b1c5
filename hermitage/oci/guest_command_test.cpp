#include "hermitage/oci/guest_command.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <expected>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hermitage/oci/container.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::oci {
namespace {

using namespace std::chrono_literals;

TEST(GuestCommand, ReadsCommands) {
  EXPECT_EQ(parse_guest_command({"stats"}).value().command, base::ControlCommand::stats);
  EXPECT_EQ(parse_guest_command({"resume"}).value().name, "resume");
  const auto snapshot = parse_guest_command({"snapshot", "/data/app.snap"}).value();
  EXPECT_EQ(snapshot.command, base::ControlCommand::snapshot);
  EXPECT_EQ(snapshot.file, "/data/app.snap");
}

TEST(GuestCommand, RefusesAnythingElse) {
  EXPECT_TRUE(parse_guest_command({}).error().starts_with("exec: a Hermit container runs one guest"));
  EXPECT_TRUE(parse_guest_command({"/bin/ls"}).error().starts_with("exec: a Hermit container runs one guest"));
  EXPECT_EQ(parse_guest_command({"stats", "all"}).error(), "exec: 'stats' takes no arguments");
  for (const auto& words : {std::vector<std::string>{"snapshot"}, {"snapshot", "/a", "/b"}}) {
    EXPECT_EQ(parse_guest_command(words).error(), "exec: 'snapshot' takes the path of a new file in the container");
  }
  EXPECT_EQ(parse_guest_command({"snapshot", "file"}).error(),
            "exec: snapshot 'file': not an absolute path in the container");
}

// A process that listens where a monitor does, in a root file system of its own.
class FakeMonitor {
 public:
  // The process calls `serve` with the listening socket.
  explicit FakeMonitor(const std::function<void(int)>& serve) {
    std::filesystem::create_directories(directory_.path() + "/dev/hermitage/tmp");
    std::array<int, 2> ready{};
    if (::pipe2(ready.data(), O_CLOEXEC) != 0) return;
    process_ = ::fork();
    if (process_ == 0) {
      ::_exit(listen() && ::write(ready[1], "", 1) == 1 ? (serve(socket_), 0) : 1);
    }
    ::close(ready[1]);
    char byte = 0;
    is_ready_ = ::read(ready[0], &byte, 1) == 1;
    ::close(ready[0]);
  }
  FakeMonitor(const FakeMonitor&) = delete;
  auto operator=(const FakeMonitor&) -> FakeMonitor& = delete;
  ~FakeMonitor() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }

  [[nodiscard]] auto is_ready() const -> bool { return is_ready_; }
  [[nodiscard]] auto ask() const -> std::expected<std::string, std::string> {
    return send_guest_command(process_, {.name = "stats"}, 300ms);
  }

 private:
  auto listen() -> bool {
    if (::chroot(directory_.path().c_str()) != 0) return false;
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    kControlPath.copy(std::begin(address.sun_path), kControlPath.size());
    socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return ::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
           ::listen(socket_, 0) == 0;
  }

  testing::TemporaryDirectory directory_;
  pid_t process_ = -1;
  int socket_ = -1;
  bool is_ready_ = false;
};

constexpr auto* kLate = "the monitor has not answered in time, or too much";

TEST(GuestCommand, TakesTheAnswerOfTheMonitor) {
  const FakeMonitor monitor{[](int socket) {
    const int client = ::accept(socket, nullptr, nullptr);
    std::array<char, 16> request{};
    std::ignore = ::read(client, request.data(), request.size());
    std::ignore = ::write(client, "+two\nlines\x1b", 11);
  }};
  if (!monitor.is_ready()) GTEST_SKIP() << "chroot: needs root";
  EXPECT_EQ(monitor.ask(), "two\nlines?\n");
}

TEST(GuestCommand, DoesNotWaitForAMonitorThatAcceptsNobody) {
  const FakeMonitor monitor{[](int) { ::pause(); }};
  if (!monitor.is_ready()) GTEST_SKIP() << "chroot: needs root";
  EXPECT_EQ(monitor.ask().error(), kLate);
  EXPECT_EQ(monitor.ask().error(), "connect to the monitor: Resource temporarily unavailable") << "its queue is full";
}

TEST(GuestCommand, DoesNotWaitForAnAnswerThatComesByteByByte) {
  const FakeMonitor monitor{[](int socket) {
    const int client = ::accept(socket, nullptr, nullptr);
    while (::write(client, "+", 1) == 1) std::this_thread::sleep_for(20ms);
  }};
  if (!monitor.is_ready()) GTEST_SKIP() << "chroot: needs root";
  EXPECT_EQ(monitor.ask().error(), kLate);
}

TEST(GuestCommand, DoesNotTakeAnEndlessAnswer) {
  const FakeMonitor monitor{[](int socket) {
    const int client = ::accept(socket, nullptr, nullptr);
    const std::string piece(65536, '+');
    while (::send(client, piece.data(), piece.size(), MSG_NOSIGNAL) > 0) {
    }
  }};
  if (!monitor.is_ready()) GTEST_SKIP() << "chroot: needs root";
  EXPECT_EQ(monitor.ask().error(), kLate);
}

TEST(GuestCommand, FailsWithoutAMonitor) {
  EXPECT_EQ(send_guest_command(::getpid(), {.name = "stats"}).error(),
            "the monitor takes no commands: it has not started, or has ended");
}

}  // namespace
}  // namespace hermitage::oci
