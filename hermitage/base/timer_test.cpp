#include "hermitage/base/timer.hpp"

#include <atomic>
#include <csignal>
#include <thread>

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

namespace hermitage::base {
namespace {

using namespace std::chrono_literals;

struct Seen {
  std::atomic<int> count = 0;
  std::atomic<pid_t> thread = 0;
};

void note(int, siginfo_t* info, void*) {
  if (info->si_code != SI_TIMER) return;
  auto& seen = *static_cast<Seen*>(info->si_value.sival_ptr);
  seen.thread = ::gettid();
  ++seen.count;
}

class TimerTest : public ::testing::Test {
 protected:
  TimerTest() {
    struct sigaction action{};
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = note;
    ::sigaction(SIGRTMIN, &action, &before_);
  }
  ~TimerTest() override { ::sigaction(SIGRTMIN, &before_, nullptr); }

  // Whether so many signals came before a minute was over.
  auto waits_for(int count) const -> bool {
    const auto limit = std::chrono::steady_clock::now() + 1min;
    while (seen_.count < count && std::chrono::steady_clock::now() < limit) std::this_thread::sleep_for(1ms);
    return seen_.count >= count;
  }

  Seen seen_;

 private:
  struct sigaction before_{};
};

TEST_F(TimerTest, InterruptsTheThreadThatMadeIt) {
  auto timer = Timer::make(SIGRTMIN, &seen_);
  ASSERT_TRUE(timer);
  std::thread{[&] { timer->set(1ms, 0ns); }}.join();
  ASSERT_TRUE(waits_for(1));
  EXPECT_EQ(seen_.thread, ::gettid());
}

TEST_F(TimerTest, ComesOnceOrAgainAndAgain) {
  auto timer = Timer::make(SIGRTMIN, &seen_);
  ASSERT_TRUE(timer);
  timer->set(1ms, 1ms);
  ASSERT_TRUE(waits_for(3));
  timer->set(1h, 1h);  // and what was set before no more
  const int count = seen_.count;
  timer->set(0ns, 0ns);
  ASSERT_TRUE(waits_for(count + 1));
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(seen_.count, count + 1);
}

TEST_F(TimerTest, IsSilentUntilItIsSetAndOnceItIsGone) {
  {
    auto timer = Timer::make(SIGRTMIN, &seen_);
    ASSERT_TRUE(timer);
    std::this_thread::sleep_for(5ms);
    EXPECT_EQ(seen_.count, 0);
    timer->set(10ms, 10ms);
  }
  std::this_thread::sleep_for(30ms);
  EXPECT_EQ(seen_.count, 0);
}

TEST(Timer, IsRefusedForASignalThatThereIsNot) {
  EXPECT_FALSE(Timer::make(-1, nullptr));
}

}  // namespace
}  // namespace hermitage::base
