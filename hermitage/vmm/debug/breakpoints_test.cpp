#include "hermitage/vmm/debug/breakpoints.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/vmm/arch/x86_64/page_tables.hpp"

namespace hermitage::vmm::debug {
namespace {

constexpr std::uint64_t kSize = std::uint64_t{4} << 20;
constexpr GuestAddress kPageMap{0x10000};
constexpr GuestRange kTables{{0x11000}, {0x20000}};
constexpr std::uint64_t kCode = 0x100000;
// 511 as each index of the recursive entry: the virtual address of the page map itself.
constexpr std::uint64_t kPageMapAgain = 0xffff'ffff'ffff'f000;
constexpr std::byte kInstruction = arch::kBreakpointInstruction[0];

class BreakpointsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(x86_64::write_identity_map(memory, kPageMap, kTables, memory.range()));
    for (std::uint64_t i = 0; i < 0x4000; ++i) *at(kCode + i) = static_cast<std::byte>(i % 100);
  }

  // The memory that the guest sees.
  auto at(std::uint64_t address) const -> std::byte* { return memory.span({address}, 1)->data(); }
  auto guests(std::uint64_t address, std::size_t size) const -> std::vector<int> {
    std::vector<int> all;
    for (std::size_t i = 0; i < size; ++i) all.push_back(std::to_integer<int>(*at(address + i)));
    return all;
  }
  auto read(std::uint64_t address, std::size_t size) const -> std::vector<int> {
    std::vector<std::byte> bytes(size);
    breakpoints.read({address}, bytes);
    std::vector<int> all;
    for (const auto byte : bytes) all.push_back(std::to_integer<int>(byte));
    return all;
  }
  void write(std::uint64_t address, const std::vector<int>& values) {
    std::vector<std::byte> bytes;
    for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
    breakpoints.write({address}, bytes);
  }

  GuestMemory memory = GuestMemory::allocate({0}, kSize, {}).value();
  arch::PagingState paging{.page_map = kPageMap, .levels = 4};
  Breakpoints breakpoints{memory};
};

using Bytes = std::vector<int>;

TEST_F(BreakpointsTest, AreInTheGuestsMemoryAlone) {
  ASSERT_TRUE(breakpoints.insert(paging, kCode + 1));
  EXPECT_TRUE(breakpoints.is_at(kCode + 1));
  EXPECT_FALSE(breakpoints.is_at(kCode));
  EXPECT_EQ(guests(kCode, 3), (Bytes{0, 0xcc, 2}));
  EXPECT_EQ(read(kCode, 3), (Bytes{0, 1, 2}));
  EXPECT_EQ(read(kCode + 1, 1), (Bytes{1}));
  EXPECT_EQ(read(kCode + 2, 1), (Bytes{2}));
  EXPECT_TRUE(breakpoints.remove(kCode + 1));
  EXPECT_FALSE(breakpoints.is_at(kCode + 1));
  EXPECT_EQ(guests(kCode, 3), (Bytes{0, 1, 2}));
}

TEST_F(BreakpointsTest, CountOnce) {
  ASSERT_TRUE(breakpoints.insert(paging, kCode + 1));
  ASSERT_TRUE(breakpoints.insert(paging, kCode + 1));
  EXPECT_TRUE(breakpoints.remove(kCode + 1));
  EXPECT_EQ(guests(kCode, 3), (Bytes{0, 1, 2}));
  EXPECT_FALSE(breakpoints.remove(kCode + 1));
  EXPECT_FALSE(breakpoints.remove(kCode));
}

TEST_F(BreakpointsTest, AreAllRemoved) {
  for (std::uint64_t i = 0; i < 50; ++i) ASSERT_TRUE(breakpoints.insert(paging, kCode + 2 * i));
  const auto clean = read(kCode, 100);
  EXPECT_NE(guests(kCode, 100), clean);
  breakpoints.remove_all();
  EXPECT_EQ(guests(kCode, 100), clean);
  EXPECT_FALSE(breakpoints.is_at(kCode));
  breakpoints.remove_all();
}

TEST_F(BreakpointsTest, NeedMemory) {
  EXPECT_FALSE(breakpoints.insert(paging, kSize)) << "the first byte behind it";
  EXPECT_FALSE(breakpoints.insert(paging, std::uint64_t{1} << 40)) << "not mapped";
  EXPECT_FALSE(breakpoints.insert(paging, UINT64_MAX - 0xfffff));
  EXPECT_FALSE(breakpoints.insert({.page_map = {kSize}, .levels = 4}, kCode)) << "tables that are not there";
  EXPECT_TRUE(breakpoints.insert(paging, kSize - 1)) << "the last byte";
  breakpoints.remove_all();
}

TEST_F(BreakpointsTest, HideInReadsAcrossPages) {
  ASSERT_TRUE(breakpoints.insert(paging, kCode + 0xfff));
  ASSERT_TRUE(breakpoints.insert(paging, kCode + 0x1000));
  EXPECT_EQ(guests(kCode + 0xfff, 2), (Bytes{0xcc, 0xcc}));
  EXPECT_EQ(read(kCode + 0xffe, 4), (Bytes{0xffe % 100, 0xfff % 100, 0x1000 % 100, 0x1001 % 100}));
}

TEST_F(BreakpointsTest, StayWhereTheDebuggerWrites) {
  ASSERT_TRUE(breakpoints.insert(paging, kCode + 1));
  write(kCode, {7, 8, 9});
  EXPECT_EQ(guests(kCode, 3), (Bytes{7, 0xcc, 9}));
  EXPECT_EQ(read(kCode, 3), (Bytes{7, 8, 9}));
  write(kCode + 1, {5});
  EXPECT_EQ(guests(kCode, 3), (Bytes{7, 0xcc, 9}));
  write(kCode + 2, {4});
  EXPECT_EQ(read(kCode, 3), (Bytes{7, 5, 4}));
  EXPECT_TRUE(breakpoints.remove(kCode + 1));
  EXPECT_EQ(guests(kCode, 3), (Bytes{7, 5, 4}));
}

TEST_F(BreakpointsTest, AreLiftedForAStep) {
  ASSERT_TRUE(breakpoints.insert(paging, kCode));
  ASSERT_TRUE(breakpoints.insert(paging, kCode + 1));
  breakpoints.lift(kCode + 1);
  EXPECT_EQ(guests(kCode, 2), (Bytes{0xcc, 1}));
  EXPECT_EQ(read(kCode, 2), (Bytes{0, 1}));
  EXPECT_TRUE(breakpoints.is_at(kCode + 1));
  write(kCode, {5, 6});
  EXPECT_EQ(guests(kCode, 2), (Bytes{0xcc, 6}));
  breakpoints.put_back();
  EXPECT_EQ(guests(kCode, 2), (Bytes{0xcc, 0xcc}));
  EXPECT_EQ(read(kCode, 2), (Bytes{5, 6}));
  breakpoints.lift(kCode + 2);
  breakpoints.put_back();
  EXPECT_EQ(guests(kCode + 2, 1), (Bytes{2})) << "there is none";
}

TEST_F(BreakpointsTest, AreRemovedWhileLifted) {
  ASSERT_TRUE(breakpoints.insert(paging, kCode));
  breakpoints.lift(kCode);
  breakpoints.remove_all();
  breakpoints.put_back();
  EXPECT_EQ(guests(kCode, 1), (Bytes{0}));
}

// The page map has its own virtual address, in addition to the address in its memory.
TEST_F(BreakpointsTest, ShareAPlace) {
  const auto offset = 0x800;
  *at(kPageMap.value + offset) = std::byte{0x42};
  ASSERT_TRUE(breakpoints.insert(paging, kPageMap.value + offset));
  ASSERT_TRUE(breakpoints.insert(paging, kPageMapAgain + offset));
  EXPECT_EQ(read(kPageMap.value + offset, 1), (Bytes{0x42}));
  write(kPageMap.value + offset, {0x24});
  EXPECT_EQ(read(kPageMap.value + offset, 1), (Bytes{0x24}));
  EXPECT_EQ(guests(kPageMap.value + offset, 1), (Bytes{0xcc}));
  breakpoints.lift(kPageMapAgain + offset);
  EXPECT_EQ(guests(kPageMap.value + offset, 1), (Bytes{0x24}));
  breakpoints.put_back();
  EXPECT_EQ(guests(kPageMap.value + offset, 1), (Bytes{0xcc}));
  EXPECT_TRUE(breakpoints.remove(kPageMap.value + offset));
  EXPECT_EQ(guests(kPageMap.value + offset, 1), (Bytes{0xcc})) << "the other one stays";
  EXPECT_EQ(read(kPageMap.value + offset, 1), (Bytes{0x24}));
  EXPECT_TRUE(breakpoints.remove(kPageMapAgain + offset));
  EXPECT_EQ(guests(kPageMap.value + offset, 1), (Bytes{0x24}));
}

TEST_F(BreakpointsTest, LeaveWhatTheGuestHasWrittenThere) {
  ASSERT_TRUE(breakpoints.insert(paging, kCode));
  *at(kCode) = std::byte{0x77};
  EXPECT_TRUE(breakpoints.remove(kCode));
  EXPECT_EQ(guests(kCode, 1), (Bytes{0x77}));
}

TEST_F(BreakpointsTest, StandInPlaceOfTheGuestsOwn) {
  *at(kCode) = kInstruction;
  ASSERT_TRUE(breakpoints.insert(paging, kCode));
  EXPECT_EQ(read(kCode, 1), (Bytes{0xcc}));
  EXPECT_TRUE(breakpoints.remove(kCode));
  EXPECT_EQ(guests(kCode, 1), (Bytes{0xcc}));
}

}  // namespace
}  // namespace hermitage::vmm::debug
