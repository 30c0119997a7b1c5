// Assigns ranges to devices, and looks up devices.
#include "hermitage/vmm/bus/bus.hpp"

#include <cstdint>

#include <gtest/gtest.h>

namespace hermitage::vmm {
namespace {

class Silent final : public Device {
 public:
  auto read(const Access& /*access*/, std::span<std::byte> /*data*/) -> AccessOutcome override { return Resume{}; }
  auto write(const Access& /*access*/, std::span<const std::byte> /*data*/) -> AccessOutcome override {
    return Resume{};
  }
  auto name_of(std::uint64_t /*address*/, bool /*is_write*/) const noexcept -> const char* override { return ""; }
};

struct BusTest : ::testing::Test {
  Silent unclaimed;
  Silent first;
  Silent second;
  Bus bus{unclaimed};
};

TEST_F(BusTest, FindsTheDeviceOfARange) {
  ASSERT_TRUE(bus.add(0x20, 0x10, second));
  ASSERT_TRUE(bus.add(0x10, 0x10, first));
  EXPECT_EQ(&bus.device_at(0x0f, 1), &unclaimed);
  EXPECT_EQ(&bus.device_at(0x10, 1), &first);
  EXPECT_EQ(&bus.device_at(0x1f, 1), &first);
  EXPECT_EQ(&bus.device_at(0x20, 8), &second);
  EXPECT_EQ(&bus.device_at(0x2f, 1), &second);
  EXPECT_EQ(&bus.device_at(0x30, 1), &unclaimed);
}

TEST_F(BusTest, TakesOnlyAccessesThatLieInARangeWhole) {
  ASSERT_TRUE(bus.add(0x10, 0x10, first));
  ASSERT_TRUE(bus.add(0x20, 0x10, second));
  EXPECT_EQ(&bus.device_at(0x0e, 4), &unclaimed);
  EXPECT_EQ(&bus.device_at(0x1c, 4), &first);
  EXPECT_EQ(&bus.device_at(0x1e, 4), &unclaimed) << "across two devices";
  EXPECT_EQ(&bus.device_at(0x10, 0), &unclaimed);
  EXPECT_EQ(&bus.device_at(0x10, UINT64_MAX), &unclaimed);
}

TEST_F(BusTest, RefusesRangesThatOverlap) {
  ASSERT_TRUE(bus.add(0x10, 0x10, first));
  EXPECT_FALSE(bus.add(0x10, 0x10, second));
  EXPECT_FALSE(bus.add(0x1f, 1, second));
  EXPECT_FALSE(bus.add(0x00, 0x11, second));
  EXPECT_FALSE(bus.add(0x00, 0x100, second));
  EXPECT_TRUE(bus.add(0x00, 0x10, second));
  EXPECT_TRUE(bus.add(0x20, 1, second));
  EXPECT_EQ(&bus.device_at(0x1f, 1), &first);
}

TEST_F(BusTest, ReachesToTheEndOfTheAddressSpace) {
  EXPECT_FALSE(bus.add(0x10, 0, first));
  EXPECT_FALSE(bus.add(UINT64_MAX, 2, first));
  ASSERT_TRUE(bus.add(UINT64_MAX, 1, first));
  EXPECT_EQ(&bus.device_at(UINT64_MAX, 1), &first);
  EXPECT_EQ(&bus.device_at(UINT64_MAX, 2), &unclaimed);
  EXPECT_EQ(&bus.device_at(UINT64_MAX - 1, 1), &unclaimed);
}

}  // namespace
}  // namespace hermitage::vmm
