#include "hermitage/oci/bundle.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "testing/temporary_directory.hpp"

namespace hermitage::oci {
namespace {

auto bundle_in(const std::string& directory) -> std::optional<Bundle> {
  return Bundle::read(CommandLine{{"create", "--bundle", directory, "id"}});
}

TEST(Bundle, IsReadAndReplaced) {
  const hermitage::testing::TemporaryDirectory directory;
  const auto path = directory.write("config.json", R"({"root":{"path":"sub/../rootfs/"},"n":18446744073709551615})");
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  const auto bundle = bundle_in(directory.path());
  ASSERT_TRUE(bundle);
  EXPECT_EQ(bundle->root(), directory.file("rootfs/"));
  auto config = bundle->config();
  config["new"] = true;
  ASSERT_TRUE(bundle->replace(config));
  std::ifstream file{path};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  EXPECT_EQ(text, R"({"root":{"path":"sub/../rootfs/"},"n":18446744073709551615,"new":true})");
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator{directory.path()}, {}), 1);
}

TEST(Bundle, MayNameItsRootAbsolutely) {
  const hermitage::testing::TemporaryDirectory directory;
  directory.write("config.json", R"({"root":{"path":"/var/root"}})");
  EXPECT_EQ(bundle_in(directory.path())->root(), "/var/root");
  directory.write("config.json", "{}");
  EXPECT_EQ(bundle_in(directory.path())->root(), "");
}

TEST(Bundle, IsNothingThatCannotBeRead) {
  const hermitage::testing::TemporaryDirectory directory;
  EXPECT_FALSE(bundle_in(directory.path()));
  directory.write("config.json", "{");
  EXPECT_FALSE(bundle_in(directory.path()));
  EXPECT_FALSE(bundle_in(directory.file("none")));
}

TEST(Bundle, SaysWhenItCannotBeReplaced) {
  const hermitage::testing::TemporaryDirectory directory;
  directory.write("config.json", "{}");
  const auto bundle = bundle_in(directory.path());
  std::filesystem::remove(directory.file("config.json"));
  const auto replaced = bundle->replace(bundle->config());
  ASSERT_FALSE(replaced);
  EXPECT_TRUE(replaced.error().starts_with("write " + directory.file("config.json."))) << replaced.error();
  EXPECT_TRUE(directory.is_empty());
}

}  // namespace
}  // namespace hermitage::oci
