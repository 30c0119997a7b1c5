#include "hermitage/vmm/stack_copy.hpp"

#include <utility>

#include <gtest/gtest.h>

#include "hermitage/vmm/hypercalls/hypercalls_testing.hpp"

namespace hermitage::vmm {
namespace {

constexpr std::uint64_t kBase = 0x1'0000'0000;
constexpr std::uint64_t kSize = 0x40'0000;
constexpr std::uint64_t kStack = kBase + 0x10'0008;

class StackCopyTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(testing::write_page_tables(memory)); }

  void put(std::uint64_t address, std::uint64_t value) { ASSERT_TRUE(memory.write(GuestAddress{address}, value)); }
  [[nodiscard]] auto copy_of(std::uint64_t stack_pointer) const {
    return StackCopy::make(memory, *testing::paging_of(memory), stack_pointer);
  }

  GuestMemory memory = GuestMemory::allocate({kBase}, kSize, {}).value();
};

TEST_F(StackCopyTest, HasTheWordsOfTheStack) {
  put(kStack, 11);
  put(kStack + 0xff5, 22);  // on two pages
  put(kStack + StackCopy::kMaxSize - 8, 33);
  const auto copy = copy_of(kStack);
  put(kStack, 44);
  EXPECT_EQ(copy.word_at(kStack), 11U);
  EXPECT_EQ(copy.word_at(kStack + 0xff5), 22U);
  EXPECT_EQ(copy.word_at(kStack + StackCopy::kMaxSize - 8), 33U);
  EXPECT_EQ(copy.word_at(kStack & ~std::uint64_t{0xfff}), 0U) << "the whole page";
}

TEST_F(StackCopyTest, HasNothingOutside) {
  const auto copy = copy_of(kStack);
  const auto start = kStack & ~std::uint64_t{0xfff};
  for (const auto address : {std::uint64_t{0}, start - 1, start + StackCopy::kMaxSize + 0x1000 - 7, UINT64_MAX}) {
    EXPECT_EQ(copy.word_at(address), std::nullopt) << std::hex << address;
  }
  EXPECT_EQ(StackCopy{}.word_at(0), std::nullopt);
}

// An overflow leaves the stack pointer on a page that is not mapped.
TEST_F(StackCopyTest, LeavesOutPagesThatAreNotMapped) {
  put(kBase, 55);
  const auto copy = copy_of(kBase - 0x1000);
  EXPECT_EQ(copy.word_at(kBase - 0x1000), std::nullopt);
  EXPECT_EQ(copy.word_at(kBase - 1), std::nullopt) << "partly";
  EXPECT_EQ(copy.word_at(kBase), 55U);
  const auto behind = copy_of(kBase + kSize - 0x1000);
  EXPECT_EQ(behind.word_at(kBase + kSize - 8), 0U);
  EXPECT_EQ(behind.word_at(kBase + kSize - 7), std::nullopt);
}

TEST_F(StackCopyTest, AcceptsAnyStackPointer) {
  for (const auto address : {std::uint64_t{0}, UINT64_MAX, UINT64_MAX - StackCopy::kMaxSize, std::uint64_t{1} << 47}) {
    const auto copy = copy_of(address);
    EXPECT_EQ(copy.word_at(address), std::nullopt) << std::hex << address;
  }
}

TEST_F(StackCopyTest, EndsWithTablesThatPointToThemselves) {
  const auto tables = kBase + testing::kPageTables;
  for (std::uint64_t index = 0; index < 512; ++index) put(tables + 8 * index, tables | 1);
  EXPECT_EQ(copy_of(0x1234'5000).word_at(0x1234'5000), tables | 1);
}

}  // namespace
}  // namespace hermitage::vmm
