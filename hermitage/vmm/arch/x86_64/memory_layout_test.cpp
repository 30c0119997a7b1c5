#include "hermitage/vmm/arch/x86_64/memory_layout.hpp"

#include <gtest/gtest.h>

namespace hermitage::vmm::x86_64 {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

TEST(MemoryLayout, StartsWhereUhyvesDoes) {
  for (const auto interface : {1U, 2U, 3U}) {
    const auto layout = plan_memory(
        {.interface = {interface}, .kernel_size = kMiB, .kernel_start = {}, .memory_size = 64 * kMiB}, std::nullopt);
    ASSERT_TRUE(layout);
    const std::uint64_t base = interface == 1 ? 0 : 4 * kGiB;
    EXPECT_EQ(layout->memory, (GuestRange{{base}, {base + 64 * kMiB}}));
    EXPECT_EQ(descriptor_table(*layout).value, base);
    EXPECT_LT(descriptor_table(*layout), layout->device_tree);
  }
}

TEST(MemoryLayout, EndsBelowTheDevices) {
  EXPECT_EQ(memory_bounds({1}).end.value, 3 * kGiB);
  EXPECT_EQ(memory_bounds({3}).end.value, 64 * kGiB);
}

}  // namespace
}  // namespace hermitage::vmm::x86_64
