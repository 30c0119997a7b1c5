#include "hermitage/launch/failure.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hermitage/entry/formatters.hpp"
#include "hermitage/launch/kernel_source.hpp"

namespace hermitage::launch {
namespace {

static_assert(entry::AnyProblem<Failure> && entry::AnyProblem<OpenError>);

TEST(Failure, HasTheShapeOfAllErrors) {
  const auto usage = wrong_usage("--cpus: 0 is too few").error();
  EXPECT_EQ(usage.name(), "usage");
  EXPECT_EQ(usage.severity(), entry::Severity::error);
  EXPECT_EQ(usage.message(), "--cpus: 0 is too few");
  const auto failure = not_started("app.elf", "is empty").error();
  EXPECT_EQ(failure.name(), "not_started");
  EXPECT_EQ(failure.message(), "app.elf: is empty");
  EXPECT_EQ(fmt::format("{}", failure), "app.elf: is empty");
}

TEST(OpenError, HasTheShapeOfAllErrors) {
  const auto missing = KernelSource::open("/nonexistent", KernelSource::Streams::refuse);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().name(), "system_call");
  EXPECT_EQ(fmt::format("{}", missing.error()), "open: No such file or directory");
  const auto directory = KernelSource::open("/", KernelSource::Streams::refuse);
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().name(), "refused");
  EXPECT_EQ(directory.error().message(), "is a directory");
}

}  // namespace
}  // namespace hermitage::launch
