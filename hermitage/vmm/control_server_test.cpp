#include "hermitage/vmm/control_server.hpp"

#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "hermitage/base/descriptor_message.hpp"
#include "hermitage/vmm/control_options.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::vmm {
namespace {

class ControlServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = ControlServer::make(listen_for_control(path()).value()).value();
    thread_ = std::thread{[this] {
      server_->run({.pause = [this] { return ++pauses, outcome.load(); },
                    .resume = [this] { ++resumes; },
                    .statistics = [] { return std::string{"the statistics"}; },
                    .hypercalls = [] { return std::string(answer_size, 'x'); },
                    .save = [this](int file) -> Result<void> {
                      if (::write(file, "saved", 5) != 5) return fail(ErrorCode::host_failed, "write");
                      ++saves;
                      return {};
                    },
                    .is_stopping = [this] { return is_stopping_.load(); }});
    }};
  }

  void TearDown() override {
    is_stopping_ = true;
    server_->call_back();
    thread_.join();
  }

  auto path() const -> std::string { return directory.path() + "/control"; }

  auto connect() const -> Descriptor {
    Descriptor client{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return client;
  }

  static auto read_answer(const Descriptor& client) -> std::string {
    std::string answer;
    std::array<char, 4096> bytes{};
    for (ssize_t size = 0; (size = ::read(client.get(), bytes.data(), bytes.size())) > 0;) {
      answer.append(bytes.data(), static_cast<std::size_t>(size));
    }
    return answer;
  }

  auto ask(std::string_view text) const -> std::string {
    const auto client = connect();
    EXPECT_EQ(::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    ::shutdown(client.get(), SHUT_WR);
    return read_answer(client);
  }

  auto ask_with_file(std::string_view text, int file) const -> std::string {
    const auto client = connect();
    EXPECT_TRUE(base::send_with_descriptors(client.get(), std::as_bytes(std::span{text}), {&file, 1}));
    return read_answer(client);
  }

  static constexpr std::size_t answer_size = 1 << 20;
  testing::TemporaryDirectory directory;
  std::atomic<PauseOutcome> outcome = PauseOutcome::paused;
  std::atomic<int> pauses = 0;
  std::atomic<int> resumes = 0;
  std::atomic<int> saves = 0;

 private:
  std::unique_ptr<ControlServer> server_;
  std::atomic<bool> is_stopping_ = false;
  std::thread thread_;
};

TEST_F(ControlServerTest, AnswersWhileTheGuestIsPaused) {
  EXPECT_EQ(ask("stats\n"), "+the statistics");
  EXPECT_EQ(ask("trace\n"), "+" + std::string(answer_size, 'x'));
  EXPECT_EQ(pauses, 2);
  EXPECT_EQ(resumes, 2);
}

TEST_F(ControlServerTest, PausesUntilResumed) {
  EXPECT_EQ(ask("resume\n"), "-the guest is not paused");
  EXPECT_EQ(ask("pause\n"), "+");
  EXPECT_EQ(ask("pause\n"), "-the guest is paused already");
  EXPECT_EQ(ask("stats\n"), "+the statistics");
  EXPECT_EQ(pauses - resumes, 1);
  EXPECT_EQ(ask("resume\n"), "+");
  EXPECT_EQ(pauses, resumes);
}

TEST_F(ControlServerTest, ReportsAPauseThatFails) {
  outcome = PauseOutcome::ended;
  EXPECT_EQ(ask("stats\n"), "-the guest has ended");
  outcome = PauseOutcome::timed_out;
  EXPECT_EQ(ask("pause\n"), "-a vCPU waits for the host in a call that does not return");
  EXPECT_EQ(ask("resume\n"), "-the guest is not paused");
  EXPECT_EQ(resumes, 0);
}

TEST_F(ControlServerTest, SavesToTheFileOfTheClient) {
  const auto name = directory.path() + "/snapshot";
  const Descriptor file{::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  EXPECT_EQ(ask_with_file("snapshot\n", file.get()), "+");
  struct stat status{};
  ASSERT_EQ(::fstat(file.get(), &status), 0);
  EXPECT_EQ(status.st_size, 5);
  EXPECT_EQ(saves, 1);
}

TEST_F(ControlServerTest, RefusesOtherFiles) {
  constexpr auto* kNotEmpty = "-the file for the snapshot is not empty";
  EXPECT_EQ(ask("snapshot\n"), "-no file was passed for the snapshot");
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Descriptor reading{ends[0]};
  const Descriptor writing{ends[1]};
  constexpr auto* kNotRegular = "-the file for the snapshot is not a regular file";
  EXPECT_EQ(ask_with_file("snapshot\n", writing.get()), kNotRegular);
  const Descriptor null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  EXPECT_EQ(ask_with_file("snapshot\n", null.get()), kNotRegular);
  for (const int flags : {O_RDONLY, O_WRONLY | O_APPEND, O_PATH}) {
    const auto name = directory.path() + "/new";
    const Descriptor made{::open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
    const Descriptor unsuitable{::open(name.c_str(), flags | O_CLOEXEC)};
    EXPECT_EQ(ask_with_file("snapshot\n", unsuitable.get()),
              "-the file for the snapshot is not open for writing, or only for appending")
        << flags;
  }
  const Descriptor program{::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)};
  EXPECT_EQ(ask_with_file("snapshot\n", program.get()), kNotEmpty);
  EXPECT_EQ(ask("pause\n"), "+");
  const Descriptor file{::open((directory.path() + "/empty").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  EXPECT_EQ(ask_with_file("snapshot\n", file.get()), "-the guest is paused; resume it to save it");
  EXPECT_EQ(saves, 0);
}

TEST_F(ControlServerTest, EndsConnectionsWithoutACommand) {
  for (const auto* const text : {"", "stats", "a line that is longer than the longest command\n"}) {
    EXPECT_EQ(ask(text), "") << text;
  }
  EXPECT_EQ(ask("ps\n"), "-the command is none of stats, trace, pause, resume and snapshot");
  EXPECT_EQ(pauses, 0);
}

TEST_F(ControlServerTest, DoesNotWaitForSlowClients) {
  const auto silent = connect();
  EXPECT_EQ(ask("stats\n"), "+the statistics");
  const auto unread = connect();
  ASSERT_EQ(::send(unread.get(), "trace\n", 6, MSG_NOSIGNAL), 6);
  EXPECT_EQ(ask("stats\n"), "+the statistics");
}

TEST_F(ControlServerTest, OnlyItsUserCanConnect) {
  struct stat status{};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

}  // namespace
}  // namespace hermitage::vmm
