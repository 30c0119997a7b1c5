#include "hermitage/vmm/arch/aarch64/memory_layout.hpp"

#include <gtest/gtest.h>

namespace hermitage::vmm::aarch64 {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

auto placement(std::uint32_t interface) -> Placement {
  return {.interface = {interface}, .kernel_size = 0x12345, .kernel_start = {}, .memory_size = 64 * kMiB};
}

TEST(MemoryLayout, IsUhyves) {
  const auto layout = plan_memory(placement(3), {}).value();
  EXPECT_EQ(layout.memory, (GuestRange{{4 * kGiB}, {4 * kGiB + 64 * kMiB}}));
  EXPECT_EQ(layout.device_tree.value, 4 * kGiB + 0x1000);
  EXPECT_EQ(layout.boot_info.value, 4 * kGiB + 0x5000);
  EXPECT_EQ(layout.page_map.value, 4 * kGiB + 0x10000);
  EXPECT_EQ(layout.page_tables.start.value, 4 * kGiB + 0x11000);
  EXPECT_EQ(layout.boot_stack.value, 4 * kGiB + 0x38000);
  EXPECT_EQ(layout.kernel, (GuestRange{{4 * kGiB + 0x40000}, {4 * kGiB + 0x52345}}));
  EXPECT_LT(layout.page_tables.end, layout.boot_stack) << "a page that is not mapped";
  EXPECT_EQ(plan_memory(placement(1), {})->memory.start.value, 256 * kMiB);
}

TEST(MemoryLayout, KeepsOutOfTheDevices) {
  constexpr std::uint64_t kMostVcpus = 16;
  const auto devices_end = kRedistributors + kMostVcpus * kRedistributorSize;
  EXPECT_LE(devices_end, memory_bounds({1}).start);
  EXPECT_LE(kDistributor + kDistributorSize, kRedistributors);
  EXPECT_LE(kHypercallPages.end, kDistributor);
}

TEST(MemoryLayout, SelectsAPlace) {
  for (const std::uint32_t interface : {1U, 2U, 3U}) {
    const auto bounds = memory_bounds({interface});
    for (const std::uint64_t random : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{12345678901}, UINT64_MAX}) {
      const auto layout = plan_memory(placement(interface), random).value();
      EXPECT_GE(layout.memory.start, bounds.start);
      EXPECT_LE(layout.memory.end, bounds.end);
      EXPECT_EQ(layout.memory.start.value % kPlaceSize, 0U);
    }
  }
}

TEST(MemoryLayout, KeepsAFixedKernelAtItsAddress) {
  auto fixed = placement(1);
  fixed.kernel_start = GuestAddress{0x1080'0000};
  const auto layout = plan_memory(fixed, 7).value();
  EXPECT_EQ(layout.kernel.start.value, 0x1080'0000U);
  EXPECT_EQ(layout.boot_stack.value, 0x107f'8000U);
  EXPECT_EQ(layout.memory.start.value, 256 * kMiB) << "no other place";
}

TEST(MemoryLayout, FailsForAnotherFixedKernel) {
  auto fixed = placement(3);
  fixed.kernel_start = GuestAddress{0x4080'0000};
  const auto layout = plan_memory(fixed, {});
  ASSERT_FALSE(layout);
  EXPECT_EQ(layout.error().code, ErrorCode::image);
  EXPECT_NE(layout.error().message().find("link it at 0x100040000 or above"), std::string::npos);
}

TEST(MemoryLayout, FailsWithoutEnoughMemory) {
  auto large = placement(3);
  large.kernel_size = 64 * kMiB;
  const auto layout = plan_memory(large, {});
  ASSERT_FALSE(layout);
  EXPECT_EQ(layout.error().code, ErrorCode::configuration);
  EXPECT_EQ(layout.error().message(), "the kernel needs at least 66 MiB of memory; increase --memory-size");
  large.kernel_size = UINT64_MAX;
  EXPECT_EQ(plan_memory(large, {}).error().code, ErrorCode::image);
  auto much = placement(1);
  much.memory_size = 4 * kGiB;
  EXPECT_EQ(plan_memory(much, {}).error().message(),
            "a guest with Uhyve interface 1 can have at most 3840 MiB of memory");
}

}  // namespace
}  // namespace hermitage::vmm::aarch64
