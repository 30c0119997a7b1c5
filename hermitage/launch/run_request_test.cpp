#include "hermitage/launch/run_request.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/launch/launch_testing.hpp"

namespace hermitage::launch {
namespace {

using namespace std::chrono_literals;
using Clock = RunRequest::Clock;

TEST(RunRequest, MakesASpecOfItsSourcesAndAnImage) {
  const testing::TemporaryDirectory directory;
  const Requested given{directory.write("file", ""), {.memory_size = "256M"}};
  const auto spec = given.request.spec({.cpus = 3});
  ASSERT_TRUE(spec) << spec.error().text;
  EXPECT_EQ(spec->image, directory.file("file"));
  EXPECT_EQ(spec->memory_size, std::uint64_t{256} << 20);
  EXPECT_EQ(spec->cpu_count, 3U);
}

TEST(RunRequest, NeedsNobodyWhoListens) {
  const testing::TemporaryDirectory directory;
  Requested given{directory.write("file", "")};
  given.request.warn("first");
  given.request.callbacks.warn = {};
  given.request.warn("second");
  EXPECT_EQ(given.warnings, std::vector<std::string>{"first"});
}

TEST(TimeAfter, EndsWithTheClock) {
  const auto start = Clock::now();
  EXPECT_EQ(time_after(start, 3s), start + 3s);
  EXPECT_EQ(time_after(start, std::chrono::nanoseconds::max()), Clock::time_point::max());
}

TEST(TimeUntil, IsNotNegative) {
  EXPECT_EQ(time_until(std::nullopt), std::nullopt);
  EXPECT_EQ(time_until(Clock::now() - 1h), 0ns);
  const auto left = time_until(Clock::now() + 1h);
  EXPECT_LE(left, 1h);
  EXPECT_GT(left, 59min);
}

}  // namespace
}  // namespace hermitage::launch
