#include "hermitage/launch/failure.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hermitage/entry/formatters.hpp"

namespace hermitage::launch {
namespace {

static_assert(entry::AnyProblem<Failure>);

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

}  // namespace
}  // namespace hermitage::launch
