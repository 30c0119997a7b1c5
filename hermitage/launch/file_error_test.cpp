#include "hermitage/launch/file_error.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hermitage/entry/formatters.hpp"
#include "hermitage/launch/kernel_source.hpp"

namespace hermitage::launch {
namespace {

static_assert(entry::AnyProblem<FileError>);

TEST(FileError, HasTheShapeOfAllErrors) {
  const auto missing = KernelSource::open("/nonexistent", KernelSource::Streams::refuse);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().name(), "system_call");
  EXPECT_EQ(missing.error().severity(), entry::Severity::error);
  EXPECT_EQ(fmt::format("{}", missing.error()), "open: No such file or directory");
  const auto directory = KernelSource::open("/", KernelSource::Streams::refuse);
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().name(), "refused");
  EXPECT_EQ(directory.error().message(), "is a directory");
}

TEST(FileError, NamesTheCallOfEachFunction) {
  const auto missing = read_file("/nonexistent");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().call, "open");
  // The first page of a process is not mapped.
  const auto unreadable = read_file("/proc/self/mem");
  ASSERT_FALSE(unreadable);
  EXPECT_EQ(unreadable.error().call, "read");
}

}  // namespace
}  // namespace hermitage::launch
