#include "hermitage/vmm/arch/x86_64/memory_layout.hpp"

#include <array>
#include <set>

#include <gtest/gtest.h>

namespace hermitage::vmm::x86_64 {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

auto relocatable(std::uint32_t interface, std::uint64_t memory_size = 64 * kMiB) -> Placement {
  return {.interface = {interface}, .kernel_size = kMiB, .kernel_start = std::nullopt, .memory_size = memory_size};
}

auto fixed(std::uint32_t interface, std::uint64_t start, std::uint64_t size = kMiB) -> Placement {
  return {.interface = {interface}, .kernel_size = size, .kernel_start = GuestAddress{start}, .memory_size = 64 * kMiB};
}

TEST(MemoryLayout, IsUhyves) {
  for (const auto interface : {1U, 2U, 3U}) {
    const auto layout = plan_memory(relocatable(interface), std::nullopt);
    ASSERT_TRUE(layout);
    const std::uint64_t base = interface == 1 ? 0 : 4 * kGiB;
    EXPECT_EQ(layout->memory, (GuestRange{{base}, {base + 64 * kMiB}}));
    EXPECT_EQ(layout->descriptor_table.value, base);
    EXPECT_EQ(layout->device_tree.value, base + 0x1000);
    EXPECT_EQ(layout->boot_info.value, base + 0x5000);
    EXPECT_EQ(layout->page_map.value, base + 0x10000);
    EXPECT_EQ(layout->page_tables, (GuestRange{{base + 0x11000}, {base + 0x38000}}));
    EXPECT_EQ(layout->boot_stack.value, base + 0x38000);
    EXPECT_EQ(layout->kernel, (GuestRange{{base + 0x40000}, {base + 0x40000 + kMiB}}));
  }
}

TEST(MemoryLayout, IsRandomWithinItsBounds) {
  for (const auto interface : {1U, 2U, 3U}) {
    const auto bounds = memory_bounds({interface});
    std::set<std::uint64_t> bases;
    for (std::uint64_t random = 0; random < 40'000; ++random) {
      const auto layout = plan_memory(relocatable(interface), random * 0x9e37'79b9'7f4a'7c15);
      ASSERT_TRUE(layout);
      EXPECT_EQ(layout->memory.start.value % (2 * kMiB), 0U);
      EXPECT_GE(layout->memory.start, bounds.start);
      EXPECT_LE(layout->memory.end, bounds.end);
      EXPECT_EQ(layout->kernel.start.value, layout->memory.start.value + 0x40000);
      bases.insert(layout->memory.start.value);
    }
    // Most of the available places, including the first and the last.
    const auto places = (bounds.end.value - bounds.start.value - 64 * kMiB) / (2 * kMiB) + 1;
    EXPECT_GT(bases.size(), places / 2);
    EXPECT_EQ(plan_memory(relocatable(interface), 0)->memory.start, bounds.start);
    EXPECT_EQ(plan_memory(relocatable(interface), places - 1)->memory.end, bounds.end);
    EXPECT_EQ(plan_memory(relocatable(interface), places)->memory.start, bounds.start);
    EXPECT_TRUE(plan_memory(relocatable(interface), UINT64_MAX));
  }
}

TEST(MemoryLayout, FillsAllThereIs) {
  for (const auto& [interface, room] : {std::pair{1U, 3 * kGiB}, std::pair{3U, 60 * kGiB}}) {
    const auto layout = plan_memory(relocatable(interface, room), 12345);
    ASSERT_TRUE(layout);
    EXPECT_EQ(layout->memory, memory_bounds({interface}));
    const auto more = plan_memory(relocatable(interface, room + 2 * kMiB), 12345);
    ASSERT_FALSE(more);
    EXPECT_EQ(more.error().code, ErrorCode::configuration);
    EXPECT_NE(more.error().message().find(interface == 1 ? "3 GiB" : "60 GiB"), std::string::npos);
    EXPECT_FALSE(plan_memory(relocatable(interface, UINT64_MAX & ~(2 * kMiB - 1)), 12345));
  }
}

TEST(MemoryLayout, LeavesFixedKernelsWhereTheyAre) {
  const auto layout = plan_memory(fixed(3, 4 * kGiB + 8 * kMiB), 12345);
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->memory.start.value, 4 * kGiB) << "nothing is random about it";
  EXPECT_EQ(layout->kernel.start.value, 4 * kGiB + 8 * kMiB);
  EXPECT_EQ(layout->boot_stack.value, 4 * kGiB + 8 * kMiB - 0x8000);
  EXPECT_EQ(plan_memory(fixed(1, 0x800000), 12345)->kernel.start.value, 0x800000U);
  EXPECT_TRUE(plan_memory(fixed(1, 0x40000), std::nullopt)) << "right behind the tables";
}

TEST(MemoryLayout, RefusesFixedKernelsInTheWrongPlace) {
  struct Case {
    std::uint32_t interface;
    std::uint64_t start;
    const char* words;
  };
  for (const auto& [interface, start, words] :
       {Case{1, 0x3ffff, "0x40000 or above"}, Case{1, 0, "0x40000 or above"}, Case{3, 0x800000, "4 GiB"},
        Case{2, 4 * kGiB - 1, "4 GiB"}, Case{3, 4 * kGiB + 0x3ffff, "0x100040000"}, Case{3, 0, "relocatable"}}) {
    const auto layout = plan_memory(fixed(interface, start), std::nullopt);
    ASSERT_FALSE(layout);
    EXPECT_EQ(layout.error().code, ErrorCode::image);
    EXPECT_NE(layout.error().message().find(words), std::string::npos) << layout.error().message();
  }
}

TEST(MemoryLayout, SaysHowMuchMemoryAKernelTakes) {
  auto large = relocatable(3);
  large.kernel_size = 64 * kMiB - 0x40000;
  EXPECT_TRUE(plan_memory(large, std::nullopt)) << "to the last byte";
  ++large.kernel_size;
  const auto layout = plan_memory(large, std::nullopt);
  ASSERT_FALSE(layout);
  EXPECT_EQ(layout.error().code, ErrorCode::configuration);
  EXPECT_NE(layout.error().message().find("66 MiB"), std::string::npos) << layout.error().message();
  // That size is sufficient.
  large.memory_size = 66 * kMiB;
  EXPECT_TRUE(plan_memory(large, std::nullopt));

  const auto far = plan_memory(fixed(3, 4 * kGiB + kGiB), std::nullopt);
  ASSERT_FALSE(far);
  EXPECT_EQ(far.error().code, ErrorCode::configuration);
  EXPECT_NE(far.error().message().find("1026 MiB"), std::string::npos) << far.error().message();
}

TEST(MemoryLayout, TellsOfTheLargestMemoryThatAKernelCanTake) {
  const auto last = plan_memory(fixed(3, 64 * kGiB - 1, 1), std::nullopt);
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code, ErrorCode::configuration);
  EXPECT_NE(last.error().message().find("61440 MiB"), std::string::npos) << last.error().message();
}

TEST(MemoryLayout, RefusesKernelsForWhichNoMemoryIsEnough) {
  for (const auto& placement :
       {fixed(3, UINT64_MAX), fixed(3, UINT64_MAX - kMiB, kMiB), fixed(3, 64 * kGiB), fixed(3, 5 * kGiB, UINT64_MAX),
        fixed(1, 0x40000, 3 * kGiB), fixed(1, 3 * kGiB), fixed(3, 64 * kGiB - 1, 2)}) {
    const auto layout = plan_memory(placement, std::nullopt);
    ASSERT_FALSE(layout);
    EXPECT_EQ(layout.error().code, ErrorCode::image) << layout.error().message();
  }
  auto endless = relocatable(3);
  endless.kernel_size = UINT64_MAX;
  EXPECT_EQ(plan_memory(endless, 5).error().code, ErrorCode::image);
}

}  // namespace
}  // namespace hermitage::vmm::x86_64
