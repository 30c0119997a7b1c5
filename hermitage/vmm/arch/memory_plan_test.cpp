#include "hermitage/vmm/arch/memory_plan.hpp"

#include <array>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include <gtest/gtest.h>

namespace hermitage::vmm {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

// The bounds of interface 1 and of the others on x86_64, and those of interface 1 on aarch64.
constexpr GuestRange kLow{{0}, {3 * kGiB}};
constexpr GuestRange kHigh{{4 * kGiB}, {64 * kGiB}};
constexpr GuestRange kMiddle{{256 * kMiB}, {4 * kGiB}};
constexpr std::array kBounds{kLow, kHigh, kMiddle};

auto relocatable(std::uint64_t memory_size = 64 * kMiB) -> MemoryNeeds {
  return {.interface = {3}, .kernel_size = kMiB, .kernel_start = std::nullopt, .memory_size = memory_size};
}

auto fixed(std::uint64_t start, std::uint64_t size = kMiB) -> MemoryNeeds {
  return {.interface = {3}, .kernel_size = size, .kernel_start = GuestAddress{start}, .memory_size = 64 * kMiB};
}

TEST(MemoryPlan, HasTheOffsetsOfUhyve) {
  for (const auto bounds : kBounds) {
    const auto layout = plan_memory(relocatable(), bounds, std::nullopt);
    ASSERT_TRUE(layout);
    const auto base = bounds.start;
    EXPECT_EQ(layout->memory, (GuestRange{base, base + 64 * kMiB}));
    EXPECT_EQ(layout->device_tree, base + 0x1000);
    EXPECT_EQ(layout->boot_info, base + 0x5000);
    EXPECT_EQ(layout->page_map, base + 0x10000);
    EXPECT_EQ(layout->page_tables, (GuestRange{base + 0x11000, base + 0x38000}));
    EXPECT_EQ(layout->boot_stack, base + 0x38000);
    EXPECT_EQ(layout->kernel, (GuestRange{base + 0x40000, base + 0x40000 + kMiB}));
  }
}

TEST(MemoryPlan, IsRandomWithinItsBounds) {
  for (const auto bounds : kBounds) {
    std::set<std::uint64_t> bases;
    for (std::uint64_t random = 0; random < 40'000; ++random) {
      const auto layout = plan_memory(relocatable(), bounds, random * 0x9e37'79b9'7f4a'7c15);
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
    EXPECT_EQ(plan_memory(relocatable(), bounds, 0)->memory.start, bounds.start);
    EXPECT_EQ(plan_memory(relocatable(), bounds, places - 1)->memory.end, bounds.end);
    EXPECT_EQ(plan_memory(relocatable(), bounds, places)->memory.start, bounds.start);
    EXPECT_TRUE(plan_memory(relocatable(), bounds, UINT64_MAX));
  }
}

TEST(MemoryPlan, FillsAllThereIs) {
  for (const auto& [bounds, room, text] : {std::tuple{kLow, 3 * kGiB, "3 GiB"}, std::tuple{kHigh, 60 * kGiB, "60 GiB"},
                                           std::tuple{kMiddle, 3840 * kMiB, "3840 MiB"}}) {
    const auto layout = plan_memory(relocatable(room), bounds, 12345);
    ASSERT_TRUE(layout);
    EXPECT_EQ(layout->memory, bounds);
    const auto more = plan_memory(relocatable(room + 2 * kMiB), bounds, 12345);
    ASSERT_FALSE(more);
    EXPECT_EQ(more.error().code, ErrorCode::configuration);
    EXPECT_NE(more.error().message().find(text), std::string::npos) << more.error().message();
    EXPECT_FALSE(plan_memory(relocatable(UINT64_MAX & ~(2 * kMiB - 1)), bounds, 12345));
  }
}

TEST(MemoryPlan, LeavesFixedKernelsWhereTheyAre) {
  const auto layout = plan_memory(fixed(4 * kGiB + 8 * kMiB), kHigh, 12345);
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->memory.start.value, 4 * kGiB) << "nothing is random about it";
  EXPECT_EQ(layout->kernel.start.value, 4 * kGiB + 8 * kMiB);
  EXPECT_EQ(layout->boot_stack.value, 4 * kGiB + 8 * kMiB - 0x8000);
  EXPECT_EQ(plan_memory(fixed(0x800000), kLow, 12345)->kernel.start.value, 0x800000U);
  EXPECT_TRUE(plan_memory(fixed(0x40000), kLow, std::nullopt)) << "right behind the tables";
}

TEST(MemoryPlan, RefusesFixedKernelsInTheWrongPlace) {
  struct Case {
    GuestRange bounds;
    std::uint64_t start;
    std::string_view text;
  };
  for (const auto& [bounds, start, text] :
       {Case{kLow, 0x3ffff, "its tables; link it at 0x40000 or above"},
        Case{kLow, 0, "its tables; link it at 0x40000 or above"}, Case{kHigh, 0x800000, "(4 GiB)"},
        Case{kHigh, 4 * kGiB - 1, "(4 GiB)"}, Case{kHigh, 0, "relocatable"},
        Case{kHigh, 4 * kGiB + 0x3ffff, "its tables; link it at 0x100040000"}, Case{kMiddle, 0x800000, "(256 MiB)"}}) {
    const auto layout = plan_memory(fixed(start), bounds, std::nullopt);
    ASSERT_FALSE(layout);
    EXPECT_EQ(layout.error().code, ErrorCode::image);
    EXPECT_NE(layout.error().message().find(text), std::string::npos) << layout.error().message();
  }
}

TEST(MemoryPlan, SaysHowMuchMemoryAKernelTakes) {
  auto large = relocatable();
  large.kernel_size = 64 * kMiB - 0x40000;
  EXPECT_TRUE(plan_memory(large, kHigh, std::nullopt)) << "to the last byte";
  ++large.kernel_size;
  const auto layout = plan_memory(large, kHigh, std::nullopt);
  ASSERT_FALSE(layout);
  EXPECT_EQ(layout.error().code, ErrorCode::configuration);
  EXPECT_EQ(layout.error().message(), "the kernel needs at least 66 MiB of memory; increase --memory-size");
  // That size is sufficient.
  large.memory_size = 66 * kMiB;
  EXPECT_TRUE(plan_memory(large, kHigh, std::nullopt));

  const auto far = plan_memory(fixed(4 * kGiB + kGiB), kHigh, std::nullopt);
  ASSERT_FALSE(far);
  EXPECT_EQ(far.error().code, ErrorCode::configuration);
  EXPECT_NE(far.error().message().find("1026 MiB"), std::string::npos) << far.error().message();
}

TEST(MemoryPlan, TellsOfTheLargestMemoryThatAKernelCanTake) {
  const auto last = plan_memory(fixed(64 * kGiB - 1, 1), kHigh, std::nullopt);
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code, ErrorCode::configuration);
  EXPECT_NE(last.error().message().find("61440 MiB"), std::string::npos) << last.error().message();
}

TEST(MemoryPlan, RefusesKernelsForWhichNoMemoryIsEnough) {
  for (const auto& [needs, bounds] :
       {std::pair{fixed(UINT64_MAX), kHigh}, std::pair{fixed(UINT64_MAX - kMiB, kMiB), kHigh},
        std::pair{fixed(64 * kGiB), kHigh}, std::pair{fixed(5 * kGiB, UINT64_MAX), kHigh},
        std::pair{fixed(0x40000, 3 * kGiB), kLow}, std::pair{fixed(3 * kGiB), kLow},
        std::pair{fixed(64 * kGiB - 1, 2), kHigh}}) {
    const auto layout = plan_memory(needs, bounds, std::nullopt);
    ASSERT_FALSE(layout);
    EXPECT_EQ(layout.error().code, ErrorCode::image) << layout.error().message();
  }
  auto endless = relocatable();
  endless.kernel_size = UINT64_MAX;
  EXPECT_EQ(plan_memory(endless, kHigh, 5).error().code, ErrorCode::image);
}

}  // namespace
}  // namespace hermitage::vmm
