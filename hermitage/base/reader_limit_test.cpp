#include "hermitage/base/reader_limit.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hermitage/base/descriptor.hpp"

namespace hermitage::base {
namespace {

using namespace std::chrono_literals;

struct Pipe {
  Descriptor reading;
  Descriptor writing;

  static auto make() -> Pipe {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) throw std::system_error{errno, std::generic_category()};
    return {.reading = Descriptor{ends[0]}, .writing = Descriptor{ends[1]}};
  }
  static auto full() -> Pipe {
    auto pipe = make();
    const std::array<char, kWriteSize> block{};
    while (::write(pipe.writing.get(), block.data(), block.size()) > 0) continue;
    return pipe;
  }
};

TEST(ReaderLimit, TakesNoTimeWhereThereIsRoom) {
  const auto pipe = Pipe::make();
  ReaderLimit limit;
  EXPECT_TRUE(limit.wait(pipe.writing.get()));
  limit.set(0ms);
  EXPECT_TRUE(limit.wait(pipe.writing.get())) << "after it, too";
}

TEST(ReaderLimit, EndsTheWaiting) {
  const auto pipe = Pipe::full();
  ReaderLimit limit;
  limit.set(30ms);
  limit.set(1h);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(limit.wait(pipe.writing.get()));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 30ms);
  EXPECT_FALSE(limit.wait(pipe.writing.get()));
}

TEST(ReaderLimit, WaitsUntilThereIsRoom) {
  const auto pipe = Pipe::full();
  const ReaderLimit limit;
  std::thread reader{[&] {
    std::this_thread::sleep_for(20ms);
    std::array<char, 65536> block{};
    while (::read(pipe.reading.get(), block.data(), block.size()) > 0) continue;
  }};
  EXPECT_TRUE(limit.wait(pipe.writing.get()));
  reader.join();
}

TEST(ReaderLimit, IsNoticedByWhoWaits) {
  const auto pipe = Pipe::full();
  const Descriptor wakeup{::eventfd(0, EFD_CLOEXEC)};
  ReaderLimit limit;
  std::thread writer{[&] { EXPECT_FALSE(limit.wait(pipe.writing.get(), wakeup.get())); }};
  std::this_thread::sleep_for(20ms);
  limit.set(0ms);
  ASSERT_EQ(::eventfd_write(wakeup.get(), 1), 0);
  writer.join();
}

TEST(ReaderLimit, IsNoticedAfterASignal) {
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = [](int) {};
  ::sigaction(SIGUSR1, &action, &before);
  const auto pipe = Pipe::full();
  ReaderLimit limit;
  std::atomic<bool> is_done = false;
  std::thread writer{[&] {
    EXPECT_FALSE(limit.wait(pipe.writing.get()));
    is_done = true;
  }};
  limit.set(0ms);
  while (!is_done) {
    ::pthread_kill(writer.native_handle(), SIGUSR1);
    std::this_thread::sleep_for(1ms);
  }
  writer.join();
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST(ReaderLimit, LeavesErrorsToTheWrite) {
  auto pipe = Pipe::full();
  pipe.reading = Descriptor{};
  EXPECT_TRUE(ReaderLimit{}.wait(pipe.writing.get()));
  EXPECT_TRUE(ReaderLimit{}.wait(1'000'000));
}

}  // namespace
}  // namespace hermitage::base
