// Threads that pass the gate, are paused in it, and wait at it.
#include "hermitage/vmm/pause_gate.hpp"

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::vmm {
namespace {

using namespace std::chrono_literals;

void nothing(int /*round*/) {}

class PauseGateTest : public ::testing::Test {
 protected:
  PauseGate gate = PauseGate::make().value();
  std::atomic<bool> ends = false;
};

TEST_F(PauseGateTest, StopsThreadsAtTheirNextCheckpoint) {
  std::atomic<long> rounds = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      gate.enter();
      while (!ends) {
        ++rounds;
        gate.checkpoint();
      }
      gate.leave();
    });
  }
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(gate.pause(nothing), PauseOutcome::paused);
    const long before = rounds;
    std::this_thread::yield();
    EXPECT_EQ(rounds, before);
    gate.resume();
  }
  ends = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(gate.pause(nothing), PauseOutcome::paused) << "nobody is in it";
}

TEST_F(PauseGateTest, GivesUpOnAThreadThatDoesNotCome) {
  std::atomic<bool> is_in = false;
  std::atomic<bool> has_passed = false;
  std::thread thread{[&] {
    gate.enter();
    is_in = true;
    while (!ends) std::this_thread::sleep_for(1ms);
    gate.checkpoint();
    has_passed = true;
    gate.leave();
  }};
  while (!is_in) std::this_thread::yield();
  int calls = 0;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(gate.pause([&](int round) { EXPECT_EQ(round, calls++); }), PauseOutcome::timed_out);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, PauseGate::kLimit);
  EXPECT_GT(calls, 1);
  EXPECT_FALSE(gate.is_pausing());
  ends = true;
  thread.join();
  EXPECT_TRUE(has_passed);
}

TEST_F(PauseGateTest, CountsAThreadThatWaitsAsStanding) {
  std::atomic<bool> waits = false;
  std::atomic<bool> continues = false;
  std::thread thread{[&] {
    gate.enter();
    {
      const PauseGate::Wait wait{&gate};
      waits = true;
      while (!ends) std::this_thread::sleep_for(1ms);
    }
    continues = true;
    gate.leave();
  }};
  while (!waits) std::this_thread::yield();
  ASSERT_EQ(gate.pause(nothing), PauseOutcome::paused);
  ends = true;
  std::this_thread::sleep_for(20ms);
  EXPECT_FALSE(continues) << "it stands where its wait is over";
  gate.resume();
  thread.join();
  EXPECT_TRUE(continues);
}

TEST_F(PauseGateTest, MeansNothingToOtherThreads) {
  {
    const PauseGate::Wait wait{&gate};
    const PauseGate::Wait none{nullptr};
    ASSERT_EQ(gate.pause(nothing), PauseOutcome::paused);
  }
  gate.resume();
}

TEST_F(PauseGateTest, TakesNoMoreResumesThanPauses) {
  gate.resume();
  EXPECT_FALSE(gate.is_pausing());
  ASSERT_EQ(gate.pause(nothing), PauseOutcome::paused);
  EXPECT_TRUE(gate.is_pausing());
  gate.resume();
  gate.resume();
  EXPECT_FALSE(gate.is_pausing());
}

TEST_F(PauseGateTest, LetsAThreadStandThatWaitsForALock) {
  std::mutex mutex;
  std::unique_lock held{mutex};
  std::atomic<bool> is_in = false;
  std::thread thread{[&] {
    gate.enter();
    is_in = true;
    const auto lock = lock_at(&gate, mutex);
    gate.leave();
  }};
  while (!is_in) std::this_thread::yield();
  ASSERT_EQ(gate.pause(nothing), PauseOutcome::paused);
  held.unlock();
  gate.resume();
  thread.join();
  EXPECT_TRUE(lock_at(nullptr, mutex).owns_lock());
}

TEST_F(PauseGateTest, CountsWaitsOfHypercallsWithoutAnEffect) {
  using Effect = PauseGate::Wait::Effect;
  for (const auto effect : {Effect::some, Effect::none}) {
    std::mutex mutex;
    std::unique_lock held{mutex};
    std::atomic<bool> is_in = false;
    std::thread thread{[&] {
      gate.enter();
      is_in = true;
      const auto lock = lock_at(&gate, mutex, effect);
      gate.leave();
    }};
    while (!is_in) std::this_thread::yield();
    ASSERT_EQ(gate.pause(nothing), PauseOutcome::paused);
    EXPECT_EQ(gate.repeatable_waits(), effect == Effect::none ? 1 : 0);
    // It still counts when the wait is over, because nothing has happened since.
    held.unlock();
    EXPECT_EQ(gate.repeatable_waits(), effect == Effect::none ? 1 : 0);
    gate.resume();
    thread.join();
    EXPECT_EQ(gate.repeatable_waits(), 0);
  }
}

TEST_F(PauseGateTest, LetsAllGoOnceTheRunHasEnded) {
  ASSERT_EQ(gate.pause(nothing), PauseOutcome::paused);
  std::thread thread{[&] {
    gate.enter();
    gate.checkpoint();
    gate.leave();
  }};
  std::this_thread::sleep_for(5ms);
  gate.end();
  thread.join();
  EXPECT_EQ(gate.pause(nothing), PauseOutcome::ended);
  gate.enter();  // returns at once
  gate.leave();
}

}  // namespace
}  // namespace hermitage::vmm
