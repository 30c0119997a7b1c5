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
  std::atomic<Timer*> again = nullptr;
};

void note(int, siginfo_t* info, void*) {
  if (info->si_code != SI_TIMER) return;
  auto& seen = *static_cast<Seen*>(info->si_value.sival_ptr);
  seen.thread = ::gettid();
  ++seen.count;
  if (auto* const timer = seen.again.load()) timer->set(1ms);
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
  std::thread{[&] { timer->set(1ms); }}.join();
  ASSERT_TRUE(waits_for(1));
  EXPECT_EQ(seen_.thread, ::gettid());
}

TEST_F(TimerTest, ComesOnceEachTimeItIsSet) {
  auto timer = Timer::make(SIGRTMIN, &seen_);
  ASSERT_TRUE(timer);
  timer->set(1h);
  timer->set(0ns);  // and what was set before no more
  ASSERT_TRUE(waits_for(1));
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(seen_.count, 1);
  timer->set(1ms);
  EXPECT_TRUE(waits_for(2));
}

TEST_F(TimerTest, ComesAgainWhenItsHandlerSetsIt) {
  auto timer = Timer::make(SIGRTMIN, &seen_);
  ASSERT_TRUE(timer);
  seen_.again = &*timer;
  timer->set(1ms);
  EXPECT_TRUE(waits_for(3));
  seen_.again = nullptr;
}

TEST_F(TimerTest, IsSilentUntilItIsSetAndOnceItIsGone) {
  {
    auto timer = Timer::make(SIGRTMIN, &seen_);
    ASSERT_TRUE(timer);
    std::this_thread::sleep_for(5ms);
    EXPECT_EQ(seen_.count, 0);
    timer->set(10ms);
  }
  std::this_thread::sleep_for(30ms);
  EXPECT_EQ(seen_.count, 0);
}

TEST(Timer, IsRefusedForASignalThatThereIsNot) {
  EXPECT_FALSE(Timer::make(-1, nullptr));
}

}  // namespace
}  // namespace hermitage::base
