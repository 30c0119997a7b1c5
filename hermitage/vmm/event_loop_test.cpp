// Descriptors that become ready, are added and removed.
#include "hermitage/vmm/event_loop.hpp"

#include <chrono>
#include <csignal>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "testing/temporary_directory.hpp"

namespace hermitage::vmm {
namespace {

using namespace std::chrono_literals;

auto event() -> Descriptor {
  return Descriptor{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
}

class EventLoopTest : public ::testing::Test {
 protected:
  EventLoop loop = EventLoop::make().value();
  Descriptor first = event();
  Descriptor second = event();
};

TEST_F(EventLoopTest, CallsTheHandlersOfWhatIsReady) {
  int firsts = 0;
  int seconds = 0;
  ASSERT_TRUE(loop.add(first.get(), EPOLLIN, [&](std::uint32_t events) { firsts += (events & EPOLLIN) != 0 ? 1 : 0; }));
  ASSERT_TRUE(loop.add(second.get(), EPOLLIN, [&](std::uint32_t) { ++seconds; }));
  EXPECT_EQ(loop.wait(0ms), 0U);
  ASSERT_EQ(::eventfd_write(first.get(), 1), 0);
  EXPECT_EQ(loop.wait(std::nullopt), 1U);
  ASSERT_EQ(::eventfd_write(second.get(), 1), 0);
  EXPECT_EQ(loop.wait(std::nullopt), 2U) << "the first is ready still";
  EXPECT_EQ(firsts, 2);
  EXPECT_EQ(seconds, 1);
}

TEST_F(EventLoopTest, EndsWithItsLimit) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(loop.wait(20ms), 0U);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 20ms);
}

TEST_F(EventLoopTest, TakesNoDescriptorTwiceAndNoFile) {
  ASSERT_TRUE(loop.add(first.get(), EPOLLIN, [](std::uint32_t) {}));
  const auto twice = loop.add(first.get(), EPOLLIN, [](std::uint32_t) {});
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code, ErrorCode::host_failed);
  EXPECT_NE(twice.error().message().find("epoll_ctl"), std::string::npos);
  const testing::TemporaryDirectory directory;
  const Descriptor file{::open(directory.write("file", "").c_str(), O_RDONLY | O_CLOEXEC)};
  EXPECT_FALSE(loop.add(file.get(), EPOLLIN, [](std::uint32_t) {}));
  loop.remove(first.get());
  EXPECT_TRUE(loop.add(first.get(), EPOLLIN, [](std::uint32_t) {}));
}

// Both are ready in the same round. The first handler removes both.
TEST_F(EventLoopTest, CallsNoHandlerThatIsGone) {
  int called = 0;
  const auto remove_both = [&](std::uint32_t) {
    ++called;
    loop.remove(first.get());
    loop.remove(second.get());
  };
  ASSERT_TRUE(loop.add(first.get(), EPOLLIN, remove_both));
  ASSERT_TRUE(loop.add(second.get(), EPOLLIN, remove_both));
  ASSERT_EQ(::eventfd_write(first.get(), 1), 0);
  ASSERT_EQ(::eventfd_write(second.get(), 1), 0);
  EXPECT_EQ(loop.wait(std::nullopt), 1U);
  EXPECT_EQ(called, 1);
  EXPECT_EQ(loop.wait(0ms), 0U);
  loop.remove(first.get());  // already removed
}

// Both are ready in the same round. The first handler replaces the other descriptor by a new one with the same number.
TEST_F(EventLoopTest, ANewDescriptorGetsNoEventsOfAnOldOne) {
  int called = 0;
  int called_of_new = 0;
  const auto replace = [&](int number) {
    if (++called > 1) return;
    loop.remove(number);
    ASSERT_EQ(::dup2(event().get(), number), number);
    ASSERT_TRUE(loop.add(number, EPOLLIN, [&](std::uint32_t) { ++called_of_new; }));
  };
  ASSERT_TRUE(loop.add(first.get(), EPOLLIN, [&](std::uint32_t) { replace(second.get()); }));
  ASSERT_TRUE(loop.add(second.get(), EPOLLIN, [&](std::uint32_t) { replace(first.get()); }));
  ASSERT_EQ(::eventfd_write(first.get(), 1), 0);
  ASSERT_EQ(::eventfd_write(second.get(), 1), 0);
  EXPECT_EQ(loop.wait(std::nullopt), 1U);
  EXPECT_EQ(called, 1);
  EXPECT_EQ(called_of_new, 0);
  ASSERT_EQ(::eventfd_write(first.get(), 1), 0);
  ASSERT_EQ(::eventfd_write(second.get(), 1), 0);
  EXPECT_EQ(loop.wait(std::nullopt), 2U);
  EXPECT_EQ(called_of_new, 1) << "its own event";
}

TEST_F(EventLoopTest, TakesDescriptorsWhileItWaits) {
  bool was_called = false;
  std::thread other{[&] {
    std::this_thread::sleep_for(10ms);
    ASSERT_TRUE(loop.add(first.get(), EPOLLIN, [&](std::uint32_t) { was_called = true; }));
    ASSERT_EQ(::eventfd_write(first.get(), 1), 0);
  }};
  EXPECT_EQ(loop.wait(60s), 1U);
  other.join();
  EXPECT_TRUE(was_called);
}

}  // namespace
}  // namespace hermitage::vmm
