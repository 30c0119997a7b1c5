#include "hermitage/vmm/arch/aarch64/limits.hpp"

#include <optional>

#include <gtest/gtest.h>

namespace hermitage::vmm::aarch64 {
namespace {

constexpr entry::HermitVersion kOld{.major = 0, .minor = 11, .patch = 0};
constexpr entry::HermitVersion kNew{.major = 0, .minor = 12, .patch = 0};

auto code_of(const MachineShape& shape) -> std::optional<ErrorCode> {
  const auto checked = check_limits(shape);
  return checked ? std::nullopt : std::optional{checked.error().code};
}

TEST(Limits, LetKernelsHaveUpTo16Vcpus) {
  EXPECT_TRUE(check_limits({}));
  EXPECT_TRUE(check_limits({.cpu_count = 16, .version = kNew}));
  EXPECT_TRUE(check_limits({.cpu_count = 16}));
  EXPECT_EQ(code_of({.cpu_count = 17, .version = kNew}), ErrorCode::image);
}

TEST(Limits, LetOldKernelsHaveOneVcpu) {
  EXPECT_TRUE(check_limits({.cpu_count = 1, .version = kOld}));
  const auto checked = check_limits({.cpu_count = 2, .version = kOld});
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().message(),
            "Hermit 0.11.0 for aarch64 can have only one vCPU under a monitor; use -c 1, or Hermit 0.12.0");
}

TEST(Limits, LetOldKernelsHaveNoNetwork) {
  EXPECT_TRUE(check_limits({.has_network = true, .version = kNew}));
  EXPECT_TRUE(check_limits({.has_network = true}));
  const auto checked = check_limits({.has_network = true, .version = kOld});
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::image) << "QEMU has a network";
  EXPECT_EQ(
      checked.error().message(),
      "Hermit 0.11.0 for aarch64 can have no network under a monitor; omit --net and --publish, use --engine qemu, "
      "or Hermit 0.12.0");
}

TEST(Limits, NameWhatIsMissing) {
  EXPECT_EQ(code_of({.has_timer = true}), ErrorCode::configuration);
  EXPECT_EQ(code_of({.manages_power = true}), ErrorCode::configuration);
  EXPECT_EQ(code_of({.saves = true}), ErrorCode::configuration);
}

}  // namespace
}  // namespace hermitage::vmm::aarch64
