// Pipes represent machines: a reader detects when the last descriptor of the other end is closed.
#include "hermitage/vmm/deferred_close.hpp"

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hermitage::vmm {
namespace {

struct Pipe {
  Descriptor reader;
  Descriptor writer;

  static auto make() -> Pipe {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error{"pipe2"};
    return {.reader = Descriptor{ends[0]}, .writer = Descriptor{ends[1]}};
  }

  // Whether all writers have closed the pipe within this time.
  [[nodiscard]] auto is_ended(int milliseconds) const -> bool {
    pollfd end{.fd = reader.get(), .events = 0, .revents = 0};
    return ::poll(&end, 1, milliseconds) == 1 && (end.revents & POLLHUP) != 0;
  }
};

// Much longer than the kernel needs, also on a busy machine.
constexpr int kSoon = 20'000;  // ms

auto open_descriptors() -> std::ptrdiff_t {
  return std::distance(std::filesystem::directory_iterator{"/proc/self/fd"}, {});
}

TEST(DeferredClose, KeepsTheFileUntilItGoes) {
  auto pipe = Pipe::make();
  auto kept = DeferredClose::of(pipe.writer.get());
  ASSERT_TRUE(kept);
  pipe.writer = {};
  EXPECT_FALSE(pipe.is_ended(50));
  kept.reset();
  EXPECT_TRUE(pipe.is_ended(kSoon));
}

TEST(DeferredClose, KeepsTheFileWhenItIsMoved) {
  auto pipe = Pipe::make();
  auto first = DeferredClose::of(pipe.writer.get());
  ASSERT_TRUE(first);
  pipe.writer = {};
  {
    const auto second = std::move(*first);
    first.reset();
    EXPECT_FALSE(pipe.is_ended(50));
  }
  EXPECT_TRUE(pipe.is_ended(kSoon));
}

TEST(DeferredClose, LeavesNothingOpen) {
  constexpr int kCount = 100;
  const auto before = open_descriptors();
  std::vector<Descriptor> readers;
  for (int i = 0; i < kCount; ++i) {
    auto pipe = Pipe::make();
    ASSERT_TRUE(DeferredClose::of(pipe.writer.get())) << i;
    readers.push_back(std::move(pipe.reader));
  }
  for (auto& reader : readers) EXPECT_TRUE((Pipe{.reader = std::move(reader), .writer = {}}.is_ended(kSoon)));
  readers.clear();
  EXPECT_EQ(open_descriptors(), before);
}

TEST(DeferredClose, OfNoDescriptorIsNone) {
  const auto before = open_descriptors();
  EXPECT_FALSE(DeferredClose::of(-1));
  EXPECT_EQ(open_descriptors(), before);
}

class EndedProcess : public ::testing::TestWithParam<const char*> {};

TEST_P(EndedProcess, LeavesTheFileToTheKernel) {
  const std::string way{GetParam()};
  auto pipe = Pipe::make();
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    constexpr rlimit kNone{.rlim_cur = 0, .rlim_max = 0};
    ::setrlimit(RLIMIT_CORE, &kNone);
    const auto kept = DeferredClose::of(pipe.writer.get());
    pipe.writer = {};
    if (!kept) ::_exit(1);
    if (way == "exec") ::execl("/bin/true", "true", nullptr);
    if (way == "abort") {
      ::signal(SIGABRT, SIG_DFL);
      std::abort();
    }
    if (way == "kill") ::kill(::getpid(), SIGKILL);
    ::_exit(0);
  }
  pipe.writer = {};
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  const int expected = way == "abort" ? SIGABRT : way == "kill" ? SIGKILL : 0;
  EXPECT_EQ(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), expected);
  EXPECT_TRUE(pipe.is_ended(kSoon));
}

INSTANTIATE_TEST_SUITE_P(Way, EndedProcess, ::testing::Values("exit", "exec", "abort", "kill"),
                         [](const auto& test) { return test.param; });

TEST(DeferredClose, IsNoneWithoutDescriptors) {
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    constexpr rlimit kNone{.rlim_cur = 0, .rlim_max = 0};
    const bool is_limited = ::setrlimit(RLIMIT_NOFILE, &kNone) == 0;
    ::_exit(is_limited && !DeferredClose::of(STDERR_FILENO) ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace hermitage::vmm
