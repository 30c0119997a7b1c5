#include "hermitage/vmm/collected_writes.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/vmm/kvm/coalesced_writes_testing.hpp"

namespace hermitage::vmm {
namespace {

using Seen = std::vector<std::pair<std::uint64_t, std::string>>;

// Stores the writes.
class Recorder final : public Device {
 public:
  auto read(const Access& /*access*/, std::span<std::byte> /*data*/) -> AccessOutcome override { return Resume{}; }
  auto write(const Access& access, std::span<const std::byte> data) -> AccessOutcome override {
    EXPECT_EQ(access.vcpu, nullptr) << "which has gone on";
    seen.emplace_back(access.address, std::string{reinterpret_cast<const char*>(data.data()), data.size()});
    return GuestFault{"writes there"};  // not reported to the vCPU
  }
  auto name_of(std::uint64_t /*address*/, bool /*is_write*/) const noexcept -> const char* override { return ""; }

  Seen seen;
};

class CollectedWritesTest : public ::testing::Test {
 protected:
  CollectedWritesTest() { EXPECT_TRUE(ports.add(0x3f8, 8, serial)); }

  Recorder unclaimed;
  Recorder serial;
  Bus ports{unclaimed};
  PauseGate gate = PauseGate::make().value();
  kvm::WritesPage page;
  CollectedWrites writes{page.writes(), ports, gate};
};

TEST_F(CollectedWritesTest, GoToTheDevicesOfTheirPorts) {
  EXPECT_TRUE(writes.is_empty());
  ASSERT_TRUE(page.put(0x3f8, "a"));
  ASSERT_TRUE(page.put(0x80, "b"));
  ASSERT_TRUE(page.put(0x3f8, "cd"));
  ASSERT_TRUE(page.put(0x3fe, "efgh"));
  EXPECT_FALSE(writes.is_empty());
  writes.drain();
  EXPECT_TRUE(writes.is_empty());
  EXPECT_EQ(serial.seen, (Seen{{0x3f8, "a"}, {0x3f8, "cd"}}));
  EXPECT_EQ(unclaimed.seen, (Seen{{0x80, "b"}, {0x3fe, "efgh"}})) << "one ends behind the device";
}

TEST_F(CollectedWritesTest, AreCounted) {
  writes.drain();
  EXPECT_EQ(writes.count(), 0U);
  ASSERT_TRUE(page.put(0x3f8, "a"));
  ASSERT_TRUE(page.put(0x3f8, "b"));
  writes.drain();
  writes.drain();
  EXPECT_EQ(writes.count(), 2U);
  ASSERT_TRUE(page.put(0x3f8, "c"));
  writes.drain();
  EXPECT_EQ(writes.count(), 3U);
}

TEST_F(CollectedWritesTest, AreNoneWithoutAPage) {
  CollectedWrites none{{}, ports, gate};
  EXPECT_TRUE(none.is_empty());
  none.drain();
  EXPECT_EQ(none.count(), 0U);
}

}  // namespace
}  // namespace hermitage::vmm
