#include "hermitage/vmm/observe/vcpu_observer.hpp"

#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace hermitage::vmm::observe {
namespace {

using std::chrono::nanoseconds;

constexpr const char* kOpen = "hypercall open";
constexpr const char* kHalt = "halt";

TEST(ExitTimes, AreKeptByKind) {
  ExitTimes times;
  times.add(kOpen, nanoseconds{5});
  times.add(kHalt, nanoseconds{7});
  times.add(kOpen, nanoseconds{6});
  ASSERT_EQ(times.kinds().size(), 2U);
  EXPECT_EQ(times.kinds()[0].name, kOpen);
  EXPECT_EQ(times.kinds()[0].times->count(), 2U);
  EXPECT_EQ(times.kinds()[0].times->total(), nanoseconds{11});
  EXPECT_EQ(times.kinds()[1].times->count(), 1U);
}

TEST(VcpuObserver, MeasuresFromTheExit) {
  VcpuObserver observer{true, nullptr, nullptr};
  observer.left_guest();
  const auto before = VcpuObserver::Clock::now();
  while (VcpuObserver::Clock::now() == before) {
  }
  observer.handled(kOpen);
  ASSERT_EQ(observer.times().kinds().size(), 1U);
  EXPECT_GT(observer.times().kinds()[0].times->total(), nanoseconds{0});
}

TEST(VcpuObserver, AddsEachExitToTheTimeline) {
  TimelineTrack track{"vCPU 0", 4};
  VcpuObserver observer{false, &track, nullptr};
  observer.left_guest();
  observer.accesses(0x600, 4, true);
  observer.describe("open(\"/x\") = 3");
  observer.handled(kOpen);
  observer.left_guest();
  observer.handled(kHalt);
  EXPECT_TRUE(observer.times().kinds().empty());
  std::vector<TimelineEvent> events;
  track.for_each([&](const TimelineEvent& event) { events.push_back(event); });
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].name, kOpen);
  EXPECT_EQ(events[0].address, 0x600U);
  EXPECT_EQ(events[0].access_size, 4);
  EXPECT_TRUE(events[0].is_write);
  EXPECT_EQ(events[0].detail_text(), "open(\"/x\") = 3");
  EXPECT_EQ(events[1].name, kHalt);
  EXPECT_EQ(events[1].access_size, 0) << "nothing of the exit before";
  EXPECT_EQ(events[1].detail_text(), "");
  EXPECT_LE(events[0].begin + events[0].duration, events[1].begin);
}

TEST(VcpuObserver, IsKnownInItsThread) {
  VcpuObserver observer{false, nullptr, nullptr};
  std::thread{[&] {
    EXPECT_EQ(VcpuObserver::of_this_thread(), nullptr);
    observer.begin_thread();
    EXPECT_EQ(VcpuObserver::of_this_thread(), &observer);
  }}.join();
  EXPECT_EQ(VcpuObserver::of_this_thread(), nullptr);
}

}  // namespace
}  // namespace hermitage::vmm::observe
