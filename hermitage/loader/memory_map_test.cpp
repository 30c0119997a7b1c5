#include "hermitage/loader/memory_map.hpp"

#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::loader {
namespace {

auto range(std::uint64_t start, std::uint64_t end) -> GuestRange {
  return {{start}, {end}};
}

auto listed(const RangeList& list) -> std::vector<GuestRange> {
  return {list.ranges().begin(), list.ranges().end()};
}

constexpr GuestRange kEverything{{0}, {UINT64_MAX}};

TEST(RangeList, SortsAndJoins) {
  RangeList list;
  for (const auto each : {range(30, 40), range(10, 20), range(50, 60), range(20, 25), range(12, 15), range(5, 5)}) {
    EXPECT_TRUE(list.add(each));
  }
  EXPECT_EQ(listed(list), (std::vector{range(10, 25), range(30, 40), range(50, 60)}));
  EXPECT_TRUE(list.add(range(24, 51)));
  EXPECT_EQ(listed(list), (std::vector{range(10, 60)}));
  EXPECT_TRUE(list.add(range(0, UINT64_MAX)));
  EXPECT_EQ(listed(list), (std::vector{range(0, UINT64_MAX)}));
}

TEST(RangeList, SaysWhenItIsFull) {
  const auto list = std::make_unique<RangeList>();
  for (std::uint64_t i = 0; i < RangeList::kCapacity; ++i) ASSERT_TRUE(list->add(range(i * 10, i * 10 + 5)));
  EXPECT_FALSE(list->add(range(7, 8)));
  EXPECT_TRUE(list->add(range(3, 12)));  // joins two ranges
  EXPECT_TRUE(list->add(range(100'000, 100'001)));
  EXPECT_EQ(list->ranges().size(), RangeList::kCapacity);
}

// Compared with a bitmap.
TEST(RangeList, AgreesWithBitmap) {
  std::mt19937 random{7};
  for (int round = 0; round < 200; ++round) {
    RangeList list;
    std::vector<bool> bits(200);
    for (int i = 0; i < 30; ++i) {
      const auto start = random() % 190;
      const auto end = start + random() % 10;
      ASSERT_TRUE(list.add(range(start, end)));
      for (auto at = start; at < end; ++at) bits[at] = true;
      std::vector<GuestRange> expected;
      for (std::uint64_t at = 0; at < bits.size(); ++at) {
        if (!bits[at]) continue;
        if (expected.empty() || expected.back().end.value != at) expected.push_back(range(at, at));
        expected.back().end.value = at + 1;
      }
      ASSERT_EQ(listed(list), expected);
    }
  }
}

TEST(MemoryMap, FindsTheLowestPlaceThatIsFree) {
  MemoryMap map;
  ASSERT_TRUE(map.add_ram(range(0x0, 0x9fc00)));
  ASSERT_TRUE(map.add_ram(range(0x100000, 0x8000000)));
  ASSERT_TRUE(map.reserve(range(0x100000, 0x1d8000)));
  ASSERT_TRUE(map.reserve(range(0x1d9000, 0x2a0000)));
  EXPECT_EQ(map.find(0x1000, 0x200000, kEverything), range(0, 0x1000));
  EXPECT_EQ(map.find(0x1000, 0x200000, range(0x200000, UINT64_MAX)), range(0x400000, 0x401000));
  EXPECT_EQ(map.find(0x1000, 0x1000, range(0x100000, UINT64_MAX)), range(0x1d8000, 0x1d9000));
  EXPECT_EQ(map.find(0x1001, 0x1000, range(0x100000, UINT64_MAX)), range(0x2a0000, 0x2a1001));
  EXPECT_EQ(map.find(0x8000000, 0x1000, kEverything), std::nullopt);
  EXPECT_EQ(map.find(UINT64_MAX, 0x1000, kEverything), std::nullopt);
  EXPECT_EQ(map.find(0x1000, 0x1000, range(0x8000000, UINT64_MAX)), std::nullopt);
  EXPECT_EQ(map.ram_end().value, 0x8000000U);
}

TEST(MemoryMap, FindsTheHighestPlaceThatIsFree) {
  MemoryMap map;
  ASSERT_TRUE(map.add_ram(range(0x0, 0x9fc00)));
  ASSERT_TRUE(map.add_ram(range(0x100000, 0x8000000)));
  ASSERT_TRUE(map.reserve(range(0x7ff0000, 0x7ff1000)));
  ASSERT_TRUE(map.reserve(range(0x200000, 0x7f00000)));
  EXPECT_EQ(map.find_last(0x1000, 0x1000, kEverything), range(0x7fff000, 0x8000000));
  EXPECT_EQ(map.find_last(0xf000, 0x1000, kEverything), range(0x7ff1000, 0x8000000));
  EXPECT_EQ(map.find_last(0xf001, 0x1000, kEverything), range(0x7fe0000, 0x7fef001));
  EXPECT_EQ(map.find_last(0x100000, 0x1000, kEverything), range(0x100000, 0x200000));
  EXPECT_EQ(map.find_last(0x1, 0x100000, range(0, 0x7ff0000)), range(0x7f00000, 0x7f00001));
  EXPECT_EQ(map.find_last(0x9fc00, 0x1000, range(0, 0x180000)), range(0, 0x9fc00));
  EXPECT_EQ(map.find_last(0x100001, 0x1000, kEverything), std::nullopt);
  EXPECT_EQ(map.find_last(UINT64_MAX, 0x1000, kEverything), std::nullopt);
  EXPECT_EQ(map.find_last(0x1, 0x1000, range(0x8000000, UINT64_MAX)), std::nullopt);
}

TEST(MemoryMap, KnowsWhatIsFree) {
  MemoryMap map;
  ASSERT_TRUE(map.add_ram(range(0x100000, 0x200000)));
  ASSERT_TRUE(map.reserve(range(0x140000, 0x150000)));
  EXPECT_TRUE(map.is_free(range(0x100000, 0x140000)));
  EXPECT_TRUE(map.is_free(range(0x150000, 0x200000)));
  EXPECT_FALSE(map.is_free(range(0x13ffff, 0x140001)));
  EXPECT_FALSE(map.is_free(range(0x1fffff, 0x200001)));
  EXPECT_FALSE(map.is_free(range(0x0, 0x1000)));
  EXPECT_EQ(MemoryMap{}.ram_end().value, 0U);
}

TEST(MemoryMap, EndsAtTheLastAddress) {
  MemoryMap map;
  ASSERT_TRUE(map.add_ram(range(UINT64_MAX - 0xfff, UINT64_MAX)));
  ASSERT_TRUE(map.reserve(range(UINT64_MAX - 0xfff, UINT64_MAX - 0xf00)));
  EXPECT_EQ(map.find(0x100, 0x1000, kEverything), std::nullopt);
  EXPECT_EQ(map.find(0x10, 0x10, kEverything), range(UINT64_MAX - 0xeff, UINT64_MAX - 0xeef));
}

}  // namespace
}  // namespace hermitage::loader
