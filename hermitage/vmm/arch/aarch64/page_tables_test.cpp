#include "hermitage/vmm/arch/aarch64/page_tables.hpp"

#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/vmm/arch/aarch64/boot_tables.hpp"
#include "hermitage/vmm/arch/aarch64/memory_layout.hpp"

namespace hermitage::vmm::aarch64 {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kSize = 128 * kMiB;
constexpr std::uint64_t kBlock = 2 * kMiB;

// A guest of interface 3 with the boot tables for a kernel of one page.
class PageTables : public ::testing::Test {
 protected:
  auto translated(std::uint64_t address) -> std::optional<std::pair<std::uint64_t, std::uint64_t>> {
    const auto translation = translate(memory, {layout.page_map}, {address});
    if (!translation) return std::nullopt;
    return std::pair{translation->address.value, translation->size};
  }
  void put(std::uint64_t table, std::uint64_t index, std::uint64_t entry) {
    ASSERT_TRUE(memory.write({table + index * 8}, entry));
  }
  auto entry(std::uint64_t table, std::uint64_t index) -> std::uint64_t {
    return memory.read<std::uint64_t>({table + index * 8}).value();
  }

  MemoryLayout layout =
      plan_memory({.interface = {3}, .kernel_size = kPageSize, .kernel_start = {}, .memory_size = kSize}, {}).value();
  GuestMemory memory = GuestMemory::allocate(layout.memory.start, kSize, {}).value();
};

using Pair = std::pair<std::uint64_t, std::uint64_t>;

TEST_F(PageTables, MapTheKernelAndTheHypercallPages) {
  ASSERT_TRUE(write_boot_tables(memory, layout, layout.kernel.end, false));
  const auto base = layout.memory.start.value;
  for (const auto address : {base, base + 0x5008, layout.boot_stack.value, layout.kernel.start.value}) {
    EXPECT_EQ(translated(address), (Pair{address, kPageSize - address % kPageSize}));
  }
  EXPECT_EQ(translated(0x540), (Pair{0x540, kPageSize - 0x540}));
  EXPECT_EQ(translated(0x1030), (Pair{0x1030, kPageSize - 0x30}));
  for (const auto address : {std::uint64_t{0x2000}, base - 1, layout.boot_stack.value - 1, layout.kernel.end.value}) {
    EXPECT_EQ(translated(address), std::nullopt) << std::hex << address;
  }
}

TEST_F(PageTables, HaveUhyvesDescriptors) {
  ASSERT_TRUE(write_boot_tables(memory, layout, layout.kernel.end, false));
  const auto level0 = layout.page_map.value;
  EXPECT_EQ(entry(level0, 511), level0 | 0x713 | std::uint64_t{1} << 55);
  const auto level1 = entry(level0, 0) & ~std::uint64_t{0xfff};
  EXPECT_EQ(entry(level0, 0), level1 | 0x713);
  const auto level2 = entry(level1, 0) & ~std::uint64_t{0xfff};
  const auto level3 = entry(level2, 0) & ~std::uint64_t{0xfff};
  EXPECT_EQ(entry(level3, 0), 0x0703U) << "device memory";
  EXPECT_EQ(entry(level3, 1), 0x1703U);
  const auto kernel3 = entry(entry(level1, 4) & ~std::uint64_t{0xfff}, 0) & ~std::uint64_t{0xfff};
  EXPECT_EQ(entry(kernel3, 0x40), layout.kernel.start.value | 0x713);
  // The table of level 0 is also the last one of each level.
  EXPECT_EQ(translated(0xffff'ffff'f000), (Pair{level0, kPageSize}));
}

TEST_F(PageTables, HaveSpaceFor67MiB) {
  EXPECT_TRUE(write_boot_tables(memory, layout, layout.memory.start + 66 * kMiB, false));
  memory = std::move(GuestMemory::allocate(layout.memory.start, kSize, {}).value());
  const auto written = write_boot_tables(memory, layout, layout.memory.start + 70 * kMiB, false);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::configuration);
  EXPECT_EQ(entry(layout.boot_stack.value - kPageSize, 0), 0U) << "the page below the stack is no table";
}

TEST_F(PageTables, CanHaveBlocks) {
  const auto base = layout.memory.start.value;
  const auto level0 = layout.page_map.value;
  put(level0, 1, (level0 + 0x1000) | 3);
  put(level0 + 0x1000, 0, base | 1);  // 1 GiB
  put(level0 + 0x1000, 1, (level0 + 0x2000) | 3);
  put(level0 + 0x2000, 3, (base + kBlock) | 1);
  constexpr std::uint64_t kStart = std::uint64_t{1} << 39;
  constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
  EXPECT_EQ(translated(kStart + 0x1234), (Pair{base + 0x1234, kGiB - 0x1234}));
  EXPECT_EQ(translated(kStart + kGiB + 3 * kBlock + 5), (Pair{base + kBlock + 5, kBlock - 5}));
}

TEST_F(PageTables, AreUntrusted) {
  const auto level0 = layout.page_map.value;
  put(level0, 0, level0 | 1);  // level 0 has no blocks
  EXPECT_EQ(translated(0), std::nullopt);
  put(level0, 0, 0x0000'ffff'ffff'f003);  // outside of the memory
  EXPECT_EQ(translated(0), std::nullopt);
  put(level0, 0, level0 | 3);  // its own table: level 3 is reached
  EXPECT_EQ(translated(0), (Pair{level0, kPageSize}));
  put(level0, 1, level0 | 1);
  EXPECT_EQ(translated(0x1000), std::nullopt) << "reserved in level 3";
  for (const auto address : {std::uint64_t{1} << 48, UINT64_MAX}) EXPECT_EQ(translated(address), std::nullopt);
  EXPECT_EQ(translate(memory, {GuestAddress{0}}, {0}).has_value(), false);
}

TEST_F(PageTables, AreVisited) {
  ASSERT_TRUE(write_boot_tables(memory, layout, layout.kernel.end, false));
  std::vector<MappedRange> ranges;
  const auto keep = [&](const MappedRange& range) {
    ranges.push_back(range);
    return true;
  };
  ASSERT_TRUE(visit_mapped(memory, {layout.page_map}, 100, keep));
  ASSERT_EQ(ranges.size(), 2U) << "around the page below the stack; hypercalls are not in the memory";
  EXPECT_EQ(ranges[0].start.value, layout.memory.start.value);
  EXPECT_EQ(ranges[0].size, layout.boot_stack.value - kPageSize - layout.memory.start.value);
  EXPECT_EQ(ranges[1].address, layout.boot_stack);
  EXPECT_EQ(ranges[1].size, layout.kernel.end.value - layout.boot_stack.value);
  EXPECT_TRUE(ranges[0].is_writable);
  EXPECT_TRUE(ranges[0].is_executable);
  EXPECT_FALSE(visit_mapped(memory, {layout.page_map}, 3, keep)) << "there are more tables";
  EXPECT_FALSE(visit_mapped(memory, {layout.page_map}, 100, [](const MappedRange&) { return false; }));
}

TEST_F(PageTables, HaveRightsOnEachLevel) {
  const auto level0 = layout.page_map.value;
  const auto base = layout.memory.start.value;
  constexpr std::uint64_t kReadOnlyPage = 1 << 7;
  constexpr std::uint64_t kNoExecutePage = std::uint64_t{1} << 53;
  constexpr std::uint64_t kNoExecuteTable = std::uint64_t{1} << 59;
  constexpr std::uint64_t kReadOnlyTable = std::uint64_t{1} << 62;
  put(level0, 0, (level0 + 0x1000) | 3);
  put(level0, 1, (level0 + 0x1000) | 3 | kReadOnlyTable);
  put(level0, 2, (level0 + 0x1000) | 3 | kNoExecuteTable);
  put(level0 + 0x1000, 0, (level0 + 0x2000) | 3);
  put(level0 + 0x2000, 0, (level0 + 0x3000) | 3);
  put(level0 + 0x3000, 0, base | 3);
  put(level0 + 0x3000, 2, base | 3 | kReadOnlyPage);
  put(level0 + 0x3000, 4, base | 3 | kNoExecutePage);
  std::vector<std::pair<bool, bool>> rights;
  ASSERT_TRUE(visit_mapped(memory, {layout.page_map}, 100, [&](const MappedRange& range) {
    rights.emplace_back(range.is_writable, range.is_executable);
    return true;
  }));
  EXPECT_EQ(rights, (std::vector<std::pair<bool, bool>>{{true, true},
                                                        {false, true},
                                                        {true, false},
                                                        {false, true},
                                                        {false, true},
                                                        {false, false},
                                                        {true, false},
                                                        {false, false},
                                                        {true, false}}));
}

}  // namespace
}  // namespace hermitage::vmm::aarch64
