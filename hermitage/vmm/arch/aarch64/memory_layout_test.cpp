#include "hermitage/vmm/arch/aarch64/memory_layout.hpp"

#include <gtest/gtest.h>

namespace hermitage::vmm::aarch64 {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

TEST(MemoryLayout, StartsWhereUhyvesDoes) {
  for (const auto interface : {1U, 2U, 3U}) {
    const auto layout = plan_memory(
        {.interface = {interface}, .kernel_size = kMiB, .kernel_start = {}, .memory_size = 64 * kMiB}, std::nullopt);
    ASSERT_TRUE(layout);
    const std::uint64_t base = interface == 1 ? 256 * kMiB : 4 * kGiB;
    EXPECT_EQ(layout->memory, (GuestRange{{base}, {base + 64 * kMiB}}));
  }
  EXPECT_EQ(memory_bounds({1}).end.value, 4 * kGiB);
  EXPECT_EQ(memory_bounds({3}).end.value, 64 * kGiB);
}

TEST(MemoryLayout, KeepsOutOfTheDevices) {
  constexpr std::uint64_t kMostVcpus = 16;
  const auto devices_end = kRedistributors + kMostVcpus * kRedistributorSize;
  EXPECT_LE(devices_end, memory_bounds({1}).start);
  EXPECT_LE(kDistributor + kDistributorSize, kRedistributors);
  EXPECT_LE(kHypercallPages.end, kDistributor);
}

}  // namespace
}  // namespace hermitage::vmm::aarch64
