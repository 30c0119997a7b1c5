#include "hermitage/vmm/observe/histogram.hpp"

#include <cmath>
#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace hermitage::vmm::observe {
namespace {

using std::chrono::nanoseconds;

TEST(Histogram, OfNothingIsZero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.total(), nanoseconds{0});
  EXPECT_EQ(histogram.quantile(0.5), nanoseconds{0});
}

TEST(Histogram, IsExactForShortDurations) {
  Histogram histogram;
  for (int i = 0; i < 16; ++i) histogram.add(nanoseconds{i});
  EXPECT_EQ(histogram.quantile(0), nanoseconds{0});
  EXPECT_EQ(histogram.quantile(0.5), nanoseconds{7});
  EXPECT_EQ(histogram.quantile(1), nanoseconds{15});
  EXPECT_EQ(histogram.total(), nanoseconds{120});
}

// Around each boundary of classes, and in between.
TEST(Histogram, ErrsByOneSixteenthAtMost) {
  for (std::int64_t value = 1; value < std::int64_t{1} << 38; value = value * 9 / 8 + 1) {
    for (const auto near : {value - 1, value, value + 1}) {
      Histogram histogram;
      histogram.add(nanoseconds{near});
      histogram.add(nanoseconds{std::int64_t{1} << 39});
      const auto error = std::abs(histogram.quantile(0.5).count() - near);
      EXPECT_LE(error * 16, near) << near;
    }
  }
}

TEST(Histogram, TakesAnyDuration) {
  Histogram histogram;
  histogram.add(nanoseconds{-5});
  EXPECT_EQ(histogram.quantile(1), nanoseconds{0});
  histogram.add(nanoseconds{std::numeric_limits<std::int64_t>::max()});
  EXPECT_EQ(histogram.count(), 2U);
  EXPECT_GE(histogram.quantile(1), nanoseconds{std::int64_t{1} << 39});
}

TEST(Histogram, IsNeverAboveTheLongest) {
  Histogram histogram;
  histogram.add(nanoseconds{1024});
  EXPECT_EQ(histogram.quantile(0.99), nanoseconds{1024});
}

TEST(Histogram, AddsAnother) {
  Histogram one;
  Histogram other;
  for (int i = 0; i < 98; ++i) one.add(nanoseconds{10});
  other.add(nanoseconds{12});
  other.add(nanoseconds{1000});
  one.add(other);
  EXPECT_EQ(one.count(), 100U);
  EXPECT_EQ(one.total(), nanoseconds{98 * 10 + 12 + 1000});
  EXPECT_EQ(one.quantile(0.5), nanoseconds{10});
  EXPECT_EQ(one.quantile(0.99), nanoseconds{12});
  EXPECT_EQ(one.quantile(1), nanoseconds{992}) << "the middle of its class";
}

}  // namespace
}  // namespace hermitage::vmm::observe
