#include "hermitage/vmm/arch/x86_64/page_tables.hpp"

#include <algorithm>
#include <stdexcept>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/vmm/arch/x86_64/memory_layout.hpp"

namespace hermitage::vmm::x86_64 {
namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr std::uint64_t kBase = 4 * kGiB;
constexpr std::uint64_t kSize = std::uint64_t{16} << 20;
constexpr GuestAddress kPageMap{kBase + 0x10000};
constexpr GuestRange kTables{{kBase + 0x11000}, {kBase + 0x38000}};
constexpr std::uint64_t kPresent = 1;
constexpr std::uint64_t kLarge = 0x80;

auto make_memory(std::uint64_t base = kBase) -> GuestMemory {
  return std::move(GuestMemory::allocate({base}, kSize, {}).value());
}

auto translated(const GuestMemory& memory, std::uint64_t address, PagingState paging = {kPageMap, 4})
    -> std::optional<std::pair<std::uint64_t, std::uint64_t>> {
  const auto translation = translate(memory, paging, {address});
  if (!translation) return std::nullopt;
  return std::pair{translation->address.value, translation->size};
}

using Pair = std::pair<std::uint64_t, std::uint64_t>;

TEST(IdentityMap, MapsWholeLargePages) {
  const auto memory = make_memory();
  ASSERT_TRUE(write_identity_map(memory, kPageMap, kTables, {{kBase + 0x40000}, {kBase + kLargePageSize + 1}}));
  EXPECT_EQ(translated(memory, kBase), (Pair{kBase, kLargePageSize})) << "widened to its beginning";
  EXPECT_EQ(translated(memory, kBase + 0x1234), (Pair{kBase + 0x1234, kLargePageSize - 0x1234}));
  EXPECT_EQ(translated(memory, kBase + 2 * kLargePageSize - 1), (Pair{kBase + 2 * kLargePageSize - 1, 1}));
  EXPECT_EQ(translated(memory, kBase + 2 * kLargePageSize), std::nullopt) << "the page behind it";
  EXPECT_EQ(translated(memory, kBase - 1), std::nullopt) << "the page before it";
  EXPECT_EQ(translated(memory, 0), std::nullopt);
}

TEST(IdentityMap, IsRecursiveAsHermitWantsIt) {
  const auto memory = make_memory();
  ASSERT_TRUE(write_identity_map(memory, kPageMap, kTables, {{kBase}, {kBase + 1}}));
  EXPECT_EQ(memory.read<std::uint64_t>(kPageMap + 511 * 8), kPageMap.value | 3) << "present and writable";
  EXPECT_EQ(translated(memory, 0xffff'ffff'ffff'f000), (Pair{kPageMap.value, 0x1000}));
}

TEST(IdentityMap, WritesEntriesThatAreWritableAndExecutable) {
  const auto memory = make_memory();
  ASSERT_TRUE(write_identity_map(memory, kPageMap, kTables, {{kBase}, {kBase + 1}}));
  const auto read = [&](std::uint64_t address) { return memory.read<std::uint64_t>({address}).value(); };
  EXPECT_EQ(read(kPageMap.value), kTables.start.value | 3);
  EXPECT_EQ(read(kTables.start.value + 4 * 8), (kTables.start.value + 0x1000) | 3);
  EXPECT_EQ(read(kTables.start.value + 0x1000), kBase | 0x83);
}

TEST(IdentityMap, CrossesGibibytes) {
  const auto memory = make_memory();
  ASSERT_TRUE(write_identity_map(memory, kPageMap, kTables, {{kBase}, {kBase + 3 * kGiB}}));
  for (const auto address : {kBase, kBase + kGiB - 1, kBase + kGiB, kBase + 3 * kGiB - 1}) {
    EXPECT_EQ(translated(memory, address)->first, address);
  }
  EXPECT_EQ(translated(memory, kBase + 3 * kGiB), std::nullopt);
}

TEST(IdentityMap, FailsWhereItsTablesHaveNoRoom) {
  const auto memory = make_memory();
  // One PDPT and a PD for each gibibyte: 39 tables are enough for 38.
  EXPECT_TRUE(write_identity_map(memory, kPageMap, kTables, {{kBase}, {kBase + 38 * kGiB}}));
  const auto fresh = make_memory();
  const auto written = write_identity_map(fresh, kPageMap, kTables, {{kBase}, {kBase + 38 * kGiB + 1}});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::configuration);
  // Nothing after the tables was touched.
  const auto behind = fresh.span(kTables.end, kSize - 0x38000).value();
  EXPECT_TRUE(std::ranges::all_of(behind, [](std::byte byte) { return byte == std::byte{}; }));
}

TEST(IdentityMap, FailsOutsideOfTheMemory) {
  const auto memory = make_memory();
  const GuestAddress outside{kBase + kSize};
  EXPECT_FALSE(write_identity_map(memory, outside, kTables, {{kBase}, {kBase + 1}}));
  EXPECT_FALSE(write_identity_map(memory, outside, kTables, {{kBase}, {kBase}})) << "with nothing to map, too";
  EXPECT_FALSE(write_identity_map(memory, kPageMap, {outside, outside + 0x8000}, {{kBase}, {kBase + 1}}));
}

// A memory at 0 with tables that are written manually.
class TranslateTest : public ::testing::Test {
 protected:
  void set(std::uint64_t table, std::uint64_t index, std::uint64_t entry) {
    ASSERT_TRUE(memory.write(GuestAddress{table + index * 8}, entry));
  }
  [[nodiscard]] auto at(std::uint64_t address, int levels = 4) const {
    return translated(memory, address, {.page_map = {kTop}, .levels = levels});
  }

  static constexpr std::uint64_t kTop = 0x1000;
  GuestMemory memory = make_memory(0);
};

constexpr auto address_of(std::uint64_t i4, std::uint64_t i3, std::uint64_t i2, std::uint64_t i1, std::uint64_t offset)
    -> std::uint64_t {
  return i4 << 39 | i3 << 30 | i2 << 21 | i1 << 12 | offset;
}

TEST_F(TranslateTest, KnowsPagesOfEverySize) {
  set(kTop, 3, 0x2000 | kPresent);
  set(0x2000, 4, 0x3000 | kPresent);
  set(0x3000, 5, 0x4000 | kPresent);
  set(0x4000, 6, 0x0000'1234'5678'9000 | kPresent);
  EXPECT_EQ(at(address_of(3, 4, 5, 6, 0x123)), (Pair{0x0000'1234'5678'9123, 0xedd}));
  set(0x3000, 7, 0x5'5560'0000 | kPresent | kLarge);
  EXPECT_EQ(at(address_of(3, 4, 7, 1, 0x23)), (Pair{0x5'5560'1023, 0x20'0000 - 0x1023}));
  set(0x2000, 8, 0x8'8000'0000 | kPresent | kLarge);
  EXPECT_EQ(at(address_of(3, 8, 1, 1, 1)), (Pair{0x8'8020'1001, 0x4000'0000 - 0x20'1001}));
}

TEST_F(TranslateTest, TakesOnlyTheAddressFromAnEntry) {
  // All other fields of an entry: no-execute, protection key, global, dirty, accessed, caching, user.
  constexpr std::uint64_t kRest = 0xfff0'0000'0000'0f7e;
  set(kTop, 0, 0x2000 | kPresent | kRest);
  set(0x2000, 0, 0x3000 | kPresent | kRest);
  set(0x3000, 0, 0x4000 | kPresent | kRest);
  set(0x4000, 0, 0x5000 | kPresent | kRest | kLarge);  // PAT, at this position
  EXPECT_EQ(at(0x10), (Pair{0x5010, 0xff0}));
  // Bit 12 of a large page's entry is PAT, not a part of the address.
  set(0x3000, 1, 0x40'0000 | 0x1000 | kPresent | kLarge);
  EXPECT_EQ(at(address_of(0, 0, 1, 0, 0)), (Pair{0x40'0000, 0x20'0000}));
}

TEST_F(TranslateTest, HasNoLargePagesAboveLevelThree) {
  set(kTop, 0, 0x2000 | kPresent | kLarge);
  set(0x2000, 0, 0x4000'0000 | kPresent | kLarge);
  EXPECT_EQ(at(0x10)->first, 0x4000'0010U);
}

TEST_F(TranslateTest, WalksFiveLevels) {
  set(kTop, 9, 0x2000 | kPresent);
  set(0x2000, 3, 0x3000 | kPresent);
  set(0x3000, 0, 0x4000'0000 | kPresent | kLarge);
  const auto address = std::uint64_t{9} << 48 | address_of(3, 0, 0, 0, 5);
  EXPECT_EQ(at(address, 5), (Pair{0x4000'0005, 0x3fff'fffb}));
  EXPECT_EQ(at(address, 4), std::nullopt);
}

TEST_F(TranslateTest, RefusesAddressesThatAreNotCanonical) {
  constexpr std::uint64_t kBit47 = std::uint64_t{1} << 47;
  constexpr std::uint64_t kBit56 = std::uint64_t{1} << 56;
  for (const auto index : {0U, 255U, 256U, 511U}) set(kTop, index, 0x2000 | kPresent);
  for (const auto index : {0U, 511U}) set(0x2000, index, 0x3000 | kPresent);
  for (const auto index : {0U, 511U}) set(0x3000, index, 0x4000'0000 | kPresent | kLarge);
  for (const auto index : {255U, 256U}) set(0x3000, index, 0x4000'0000 | kPresent | kLarge);
  EXPECT_TRUE(at(0));
  EXPECT_TRUE(at(0 - kBit47)) << "the first address of the upper half";
  EXPECT_EQ(at(kBit47), std::nullopt);
  EXPECT_EQ(at(0 - kBit47 - 1), std::nullopt);
  EXPECT_EQ(at(std::uint64_t{1} << 63), std::nullopt);
  EXPECT_TRUE(at(0, 5));
  EXPECT_TRUE(at(0 - kBit56, 5));
  EXPECT_EQ(at(kBit56, 5), std::nullopt);
  EXPECT_EQ(at(0 - kBit56 - 1, 5), std::nullopt);
}

TEST_F(TranslateTest, GivesUpAtWhatIsNotThere) {
  EXPECT_EQ(at(0), std::nullopt);
  set(kTop, 0, 0x2000);  // not present
  set(0x2000, 0, 0x4000'0000 | kPresent | kLarge);
  EXPECT_EQ(at(0), std::nullopt);
  for (const std::uint64_t table : {kSize, kSize - 0x1000 + 0x10'0000'0000, std::uint64_t{0x000f'ffff'ffff'f000}}) {
    set(kTop, 0, table | kPresent);
    EXPECT_EQ(at(0), std::nullopt) << std::hex << table;
  }
  for (const std::uint64_t page_map : {kSize, UINT64_MAX - 0xfff, UINT64_MAX}) {
    EXPECT_EQ(translated(memory, UINT64_MAX, {{page_map}, 4}), std::nullopt);
    EXPECT_EQ(translated(memory, 0, {{page_map}, 5}), std::nullopt);
  }
}

// Range as start, address, size, writable, executable.
using RangeTuple = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, bool, bool>;

class VisitMappedTest : public TranslateTest {
 protected:
  auto ranges(int levels = 4, std::uint64_t max_tables = 1000) -> std::vector<RangeTuple> {
    std::vector<RangeTuple> result;
    is_complete = visit_mapped(memory, {.page_map = {kTop}, .levels = levels}, max_tables, [&](const auto& range) {
      result.emplace_back(range.start.value, range.address.value, range.size, range.is_writable, range.is_executable);
      return true;
    });
    return result;
  }

  static constexpr std::uint64_t kWritable = 2;
  static constexpr std::uint64_t kNoExecute = std::uint64_t{1} << 63;
  bool is_complete = false;
};

TEST_F(VisitMappedTest, JoinsPages) {
  set(kTop, 3, 0x2000 | kPresent | kWritable);
  set(0x2000, 4, 0x3000 | kPresent | kWritable);
  set(0x3000, 5, 0x4000 | kPresent | kWritable);
  set(0x4000, 6, 0x10000 | kPresent | kWritable);
  set(0x4000, 7, 0x11000 | kPresent | kWritable);
  set(0x4000, 8, 0x13000 | kPresent | kWritable);
  set(0x4000, 9, 0x14000 | kPresent);
  set(0x4000, 10, 0x15000 | kPresent | kNoExecute);
  const auto start = address_of(3, 4, 5, 6, 0);
  EXPECT_EQ(ranges(), (std::vector<RangeTuple>{{start, 0x10000, 0x2000, true, true},
                                               {start + 0x2000, 0x13000, 0x1000, true, true},
                                               {start + 0x3000, 0x14000, 0x1000, false, true},
                                               {start + 0x4000, 0x15000, 0x1000, false, false}}));
  EXPECT_TRUE(is_complete);
}

TEST_F(VisitMappedTest, CombinesTheRightsOfAllLevels) {
  set(kTop, 0, 0x2000 | kPresent | kNoExecute);
  set(0x2000, 0, 0x3000 | kPresent | kWritable);
  set(0x3000, 1, 0x20'0000 | kPresent | kWritable | kLarge);
  EXPECT_EQ(ranges(), (std::vector<RangeTuple>{{0x20'0000, 0x20'0000, 0x20'0000, false, false}}));
}

TEST_F(VisitMappedTest, CutsPagesAtTheEndOfTheMemory) {
  set(kTop, 256, 0x2000 | kPresent | kWritable);
  set(0x2000, 0, 0 | kPresent | kWritable | kLarge);  // a page of 1 GiB
  set(0x2000, 1, 0x4000'0000 | kPresent | kWritable | kLarge);
  EXPECT_EQ(ranges(), (std::vector<RangeTuple>{{0xffff'8000'0000'0000, 0, kSize, true, true}}));
}

TEST_F(VisitMappedTest, SkipsEntriesThatLeadBackToTheTop) {
  set(kTop, 511, kTop | kPresent | kWritable);
  set(kTop, 0, 0x2000 | kPresent | kWritable);
  set(0x2000, 0, kTop | kPresent | kWritable);
  EXPECT_TRUE(ranges().empty());
  EXPECT_TRUE(is_complete);
}

TEST_F(VisitMappedTest, WalksFiveLevels) {
  set(kTop, 511, 0x2000 | kPresent);
  set(0x2000, 511, 0x3000 | kPresent);
  set(0x3000, 0, 0 | kPresent | kLarge);
  EXPECT_EQ(ranges(5), (std::vector<RangeTuple>{{0xffff'ff80'0000'0000, 0, kSize, false, true}}));
}

TEST_F(VisitMappedTest, IsBoundedForLoops) {
  for (std::uint64_t i = 0; i < 512; ++i) {
    set(kTop, i, 0x2000 | kPresent);
    set(0x2000, i, 0x2000 | kPresent);
  }
  EXPECT_FALSE(ranges(4, 1000).empty());
  EXPECT_FALSE(is_complete);
  EXPECT_TRUE(ranges(4, 0).empty());
  EXPECT_FALSE(is_complete);
}

TEST_F(VisitMappedTest, EndsWhenTheVisitorWantsNoMore) {
  set(kTop, 0, 0x2000 | kPresent);
  set(0x2000, 0, 0x3000 | kPresent);
  for (std::uint64_t i = 0; i < 8; i += 2) set(0x3000, i, i << 21 | kPresent | kLarge);
  int count = 0;
  EXPECT_FALSE(visit_mapped(memory, {.page_map = {kTop}, .levels = 4}, 1000, [&](const auto&) { return ++count < 2; }));
  EXPECT_EQ(count, 2);
}

TEST_F(TranslateTest, EndsInTablesThatPointAtThemselves) {
  for (std::uint64_t i = 0; i < 512; ++i) set(kTop, i, kTop | kPresent);
  for (const int levels : {4, 5}) EXPECT_EQ(at(UINT64_MAX - 7, levels), (Pair{kTop + 0xff8, 8}));
}

}  // namespace
}  // namespace hermitage::vmm::x86_64
