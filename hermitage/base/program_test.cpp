#include "hermitage/base/program.hpp"

#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "testing/environment.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::base {
namespace {

using testing::TemporaryDirectory;
using testing::Variable;

void make_program(const std::string& path) {
  using std::filesystem::perms;
  std::filesystem::permissions(path, perms::owner_all);
}

TEST(FindProgram, TakesTheFirstInThePathThatCanBeExecuted) {
  const TemporaryDirectory first;
  const TemporaryDirectory second;
  const Variable path{"PATH", "/nowhere::" + first.path() + ":" + second.path()};
  EXPECT_EQ(find_program("emulator"), std::nullopt);
  make_program(second.write("emulator", ""));
  EXPECT_EQ(find_program("emulator"), second.file("emulator"));
  std::filesystem::create_directory(first.file("emulator"));
  EXPECT_EQ(find_program("emulator"), second.file("emulator"));
  std::filesystem::remove(first.file("emulator"));
  std::filesystem::permissions(first.write("emulator", ""), std::filesystem::perms::owner_read);
  EXPECT_EQ(find_program("emulator"), second.file("emulator"));
  make_program(first.file("emulator"));
  EXPECT_EQ(find_program("emulator"), first.file("emulator"));
}

TEST(FindProgram, APathMayBeEmptyOrNotThere) {
  const Variable path{"PATH", ""};
  EXPECT_EQ(find_program("sh"), std::nullopt);
  ::unsetenv("PATH");
  EXPECT_EQ(find_program("sh"), std::nullopt);
}

}  // namespace
}  // namespace hermitage::base
