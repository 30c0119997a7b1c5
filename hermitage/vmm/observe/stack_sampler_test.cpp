#include "hermitage/vmm/observe/stack_sampler.hpp"

#include <csignal>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>
#include <pthread.h>

namespace hermitage::vmm::observe {
namespace {

using Clock = StackSampler::Clock;
using namespace std::chrono_literals;

class StackSamplerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, sample_signal());
    ::pthread_sigmask(SIG_BLOCK, &set, &before);
  }
  void TearDown() override { ::pthread_sigmask(SIG_SETMASK, &before, nullptr); }

  void wait_until_due() {
    while (!sampler.is_due()) {
    }
  }
  void take(bool is_halted = false) { sampler.take({.rip = 0x1234}, is_halted); }
  // The activity and the samples of the only stack.
  auto only_stack() -> std::pair<std::string, std::uint64_t> {
    std::pair<std::string, std::uint64_t> found{"no stack", 0};
    int count = 0;
    tree.for_each([&](std::span<const Frame> stack, const char* activity, std::uint64_t samples) {
      ++count;
      EXPECT_EQ(stack.front().address, 0x1234U);
      found = {activity == nullptr ? "" : activity, samples};
    });
    EXPECT_EQ(count, 1);
    return found;
  }

  sigset_t before{};
  GuestMemory memory = std::move(GuestMemory::allocate({0}, std::uint64_t{16} << 20, {}).value());
  StackTree tree;
  StackSampler sampler{memory, {}, 1000, tree};
};

using Found = std::pair<std::string, std::uint64_t>;

TEST_F(StackSamplerTest, IsNotDueBeforeItBegins) {
  EXPECT_FALSE(sampler.is_due());
}

TEST_F(StackSamplerTest, TakesASampleOfTheGuest) {
  sampler.begin();
  wait_until_due();
  take();
  EXPECT_EQ(only_stack(), (Found{"", 1}));
  sampler.note_exit("sample", Clock::now(), Clock::now());
  EXPECT_FALSE(sampler.is_due()) << "again after a period";
}

TEST_F(StackSamplerTest, KnowsAHaltedVcpu) {
  sampler.begin();
  wait_until_due();
  take(true);
  EXPECT_EQ(only_stack(), (Found{"halted", 1}));
}

TEST_F(StackSamplerTest, CountsALongExitForEachPeriod) {
  const auto start = Clock::now();
  sampler.begin();
  sampler.note_exit("hypercall read", start, start + 5500us);
  wait_until_due();
  take();
  const auto [activity, samples] = only_stack();
  EXPECT_EQ(activity, "hypercall read");
  EXPECT_GE(samples, 3U);
  EXPECT_LE(samples, 5U);
}

TEST_F(StackSamplerTest, AnExitBeforeTheSampleWasDueIsNotIt) {
  sampler.begin();
  sampler.note_exit("hypercall read", Clock::now() - 2ms, Clock::now() - 1ms);
  wait_until_due();
  take();
  EXPECT_EQ(only_stack(), (Found{"", 1}));
}

TEST_F(StackSamplerTest, ItsTimerSignalsTheThread) {
  ASSERT_TRUE(sampler.make_timer());
  sampler.begin();
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, sample_signal());
  siginfo_t info{};
  EXPECT_EQ(::sigwaitinfo(&set, &info), sample_signal());
  EXPECT_EQ(info.si_code, SI_TIMER);
  EXPECT_TRUE(sampler.is_due());
}

TEST_F(StackSamplerTest, WithdrawsThePendingSignal) {
  ::pthread_kill(::pthread_self(), sample_signal());
  ASSERT_TRUE(sampler.make_timer());
  EXPECT_FALSE(sampler.is_due());
  sigset_t pending;
  ::sigpending(&pending);
  EXPECT_EQ(::sigismember(&pending, sample_signal()), 0);
}

}  // namespace
}  // namespace hermitage::vmm::observe
