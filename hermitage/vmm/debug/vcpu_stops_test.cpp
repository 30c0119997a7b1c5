// Threads that represent vCPUs report and stop. The test is the debugger.
#include "hermitage/vmm/debug/vcpu_stops.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <pthread.h>

namespace hermitage::vmm::debug {
namespace {

using namespace std::chrono_literals;

auto is_readable(int descriptor, int limit_ms = 0) -> bool {
  pollfd readable{.fd = descriptor, .events = POLLIN, .revents = 0};
  return ::poll(&readable, 1, limit_ms) > 0;
}

constexpr int kLong = 60'000;
constexpr unsigned kVcpus = 4;

class VcpuStopsThreadsTest : public ::testing::Test {
 protected:
  // Waits for `count` reports.
  auto reports(std::size_t count) -> std::vector<Report> {
    std::vector<Report> all;
    while (all.size() < count && is_readable(stops->reported().descriptor(), kLong)) {
      for (const auto& report : stops->take_reports()) all.push_back(report);
    }
    return all;
  }
  void stand(unsigned vcpu) {
    stops->stand_while_held(vcpu, gate, [this] { return ends.load(); });
  }

  PauseGate gate = PauseGate::make().value();
  std::unique_ptr<VcpuStops> stops = VcpuStops::make(kVcpus).value();
  std::atomic<bool> ends = false;
};

TEST_F(VcpuStopsThreadsTest, LetGoVcpusThatAreNotHeld) {
  gate.enter();
  for (unsigned vcpu = 0; vcpu < kVcpus; ++vcpu) stand(vcpu);
  gate.leave();
  EXPECT_TRUE(stops->take_reports().empty());
  EXPECT_FALSE(is_readable(stops->reported().descriptor()));
}

TEST_F(VcpuStopsThreadsTest, HoldAVcpuThatReports) {
  std::atomic<int> rounds = 0;
  std::thread thread{[&] {
    gate.enter();
    for (int i = 0; i < 3; ++i) {
      stops->report({.vcpu = 1, .event = {.kind = kvm::DebugEvent::Kind::hardware, .hardware = 2}});
      stand(1);
      ++rounds;
    }
    gate.leave();
  }};
  for (int i = 0; i < 3; ++i) {
    const auto all = reports(1);
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].vcpu, 1U);
    EXPECT_EQ(all[0].event.kind, kvm::DebugEvent::Kind::hardware);
    EXPECT_EQ(all[0].event.hardware, 2U);
    EXPECT_FALSE(all[0].is_crash);
    EXPECT_FALSE(is_readable(stops->reported().descriptor())) << "once";
    EXPECT_EQ(gate.pause([](int) {}), PauseOutcome::paused) << "it stands";
    EXPECT_EQ(rounds, i);
    stops->release(1);
    gate.resume();
  }
  thread.join();
  EXPECT_EQ(rounds, 3);
}

TEST_F(VcpuStopsThreadsTest, ReleaseOneAndHoldOthers) {
  std::array<std::atomic<int>, kVcpus> rounds{};
  std::vector<std::thread> threads;
  for (unsigned vcpu = 0; vcpu < kVcpus; ++vcpu) stops->hold(vcpu);
  for (unsigned vcpu = 0; vcpu < kVcpus; ++vcpu) {
    threads.emplace_back([&, vcpu] {
      gate.enter();
      while (!ends) {
        stand(vcpu);
        if (ends) break;
        ++rounds[vcpu];
        stops->report({.vcpu = vcpu});
      }
      gate.leave();
    });
  }
  for (int i = 1; i <= 20; ++i) {
    stops->release(2);
    const auto all = reports(1);
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].vcpu, 2U);
    EXPECT_EQ(rounds[2], i);
  }
  for (const unsigned vcpu : {0U, 1U, 3U}) EXPECT_EQ(rounds[vcpu], 0);
  for (unsigned vcpu = 0; vcpu < kVcpus; ++vcpu) stops->release(vcpu);
  EXPECT_EQ(reports(kVcpus).size(), kVcpus);
  ends = true;
  for (unsigned vcpu = 0; vcpu < kVcpus; ++vcpu) stops->release(vcpu);
  for (auto& thread : threads) thread.join();
}

// As at the end of a run: is_stopping() returns true, and a signal interrupts the threads.
TEST_F(VcpuStopsThreadsTest, EndWithTheRun) {
  struct sigaction action{};
  action.sa_handler = [](int) {};
  struct sigaction before{};
  ::sigaction(SIGUSR1, &action, &before);
  std::atomic<bool> is_back = false;
  stops->hold(0);
  std::thread thread{[&] {
    gate.enter();
    stand(0);
    gate.leave();
    is_back = true;
  }};
  std::this_thread::sleep_for(10ms);
  EXPECT_FALSE(is_back);
  ::pthread_kill(thread.native_handle(), SIGUSR1);
  std::this_thread::sleep_for(10ms);
  EXPECT_FALSE(is_back) << "a signal alone ends nothing";
  ends = true;
  for (int i = 0; i < 1000 && !is_back; ++i) {
    ::pthread_kill(thread.native_handle(), SIGUSR1);
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_TRUE(is_back);
  stops->release(0);
  thread.join();
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_F(VcpuStopsThreadsTest, TellOfDeathsToADebuggerThatIsThere) {
  gate.enter();
  stops->report_death(0);
  EXPECT_TRUE(stops->take_reports().empty());
  stand(0);
  stops->set_attached(true);
  stops->report_death(3);
  const auto all = stops->take_reports();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].vcpu, 3U);
  EXPECT_TRUE(all[0].is_crash);
  stops->set_attached(false);
  stops->report_death(1);
  EXPECT_TRUE(stops->take_reports().empty());
  gate.leave();
}

TEST_F(VcpuStopsThreadsTest, LoseNoReport) {
  constexpr unsigned kEach = 500;
  std::vector<std::thread> threads;
  for (unsigned vcpu = 0; vcpu < kVcpus; ++vcpu) {
    threads.emplace_back([&, vcpu] {
      for (unsigned i = 0; i < kEach; ++i) stops->report({.vcpu = vcpu});
    });
  }
  EXPECT_EQ(reports(std::size_t{kVcpus} * kEach).size(), std::size_t{kVcpus} * kEach);
  for (auto& thread : threads) thread.join();
}

TEST_F(VcpuStopsThreadsTest, NameTheirDescriptors) {
  EXPECT_EQ(stops->descriptors().size(), 1 + kVcpus);
}

}  // namespace
}  // namespace hermitage::vmm::debug
