#include "hermitage/launch/run.hpp"

#include <string>
#include <utility>
#include <variant>

#include <gtest/gtest.h>

#include "hermitage/launch/launch_testing.hpp"

namespace hermitage::launch {
namespace {

using entry::Arch;

auto quiet(LaunchOptions options) -> LaunchOptions {
  options.output = "none";
  options.sandbox = "none";
  options.file_isolation = "none";
  return options;
}

TEST(Run, TakesTheEngineThatIsWanted) {
  const FakeQemu qemu{"exit 42"};
  Requested given{qemu.kernel(Arch::aarch64), quiet({.engine = Engine::qemu})};
  const auto report = run(given.request);
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_EQ(exit_status(report->ending), 42);
  EXPECT_TRUE(given.told.empty());
}

// The monitor has no use for a kernel of another architecture, and says so where it can run others.
TEST(Run, TakesTheEngineThatCan) {
  const FakeQemu qemu{"exit 42"};
  Requested given{qemu.kernel(Arch::aarch64), quiet({})};
  const auto report = run(given.request);
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_EQ(exit_status(report->ending), 42);
  ASSERT_EQ(given.told.size(), 1U);
  EXPECT_TRUE(given.told.front().ends_with(": runs in QEMU: the kernel is for aarch64")) << given.told.front();
}

TEST(Run, DoesNotTakeAnotherEngineThanTheOneThatIsWanted) {
  const FakeQemu qemu{"exit 42"};
  Requested given{qemu.kernel(Arch::aarch64), quiet({.engine = Engine::kvm})};
  const auto report = run(given.request);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Failure::Code::not_started);
}

TEST(Run, RefusesAnOptionForAnotherEngine) {
  const FakeQemu qemu{"exit 42"};
  Requested given{qemu.kernel(Arch::aarch64), quiet({.engine = Engine::kvm, .qemu_args = {"-name"}})};
  const auto report = run(given.request);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Failure::Code::usage);
  EXPECT_EQ(report.error().text, "--qemu-arg is an option for QEMU");
}

TEST(Run, CountsTheTimeoutFromItsStart) {
  const FakeQemu qemu{"exec sleep 60"};
  Requested given{qemu.kernel(Arch::aarch64), quiet({.timeout_seconds = 1e-3, .engine = Engine::qemu})};
  const auto report = run(given.request);
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_TRUE(std::holds_alternative<TimedOut>(report->ending));
}

}  // namespace
}  // namespace hermitage::launch
