#include "hermitage/vmm/observe/vcpu_observer.hpp"

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
  VcpuObserver observer;
  observer.left_guest();
  const auto before = VcpuObserver::Clock::now();
  while (VcpuObserver::Clock::now() == before) {
  }
  observer.handled(kOpen);
  ASSERT_EQ(observer.times().kinds().size(), 1U);
  EXPECT_GT(observer.times().kinds()[0].times->total(), nanoseconds{0});
}

}  // namespace
}  // namespace hermitage::vmm::observe
