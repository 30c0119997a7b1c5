#include "hermitage/image/path.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace hermitage::image {
namespace {

TEST(NormalizePath, TakesAwayWhatMeansNothing) {
  struct Case {
    std::string_view path;
    std::string_view normalized;
  };
  constexpr Case kCases[] = {
      {"a", "a"},     {"/a", "a"},        {"./a", "a"},       {"//a//b///", "a/b"}, {"a/./b/.", "a/b"},
      {"", ""},       {"/", ""},          {".", ""},          {"./", ""},           {"/./", ""},
      {"...", "..."}, {"a/..b", "a/..b"}, {".a/b.", ".a/b."}, {"a b", "a b"},       {"\xff\n", "\xff\n"},
  };
  for (const auto& [path, normalized] : kCases) EXPECT_EQ(normalize_path(path), std::string{normalized}) << path;
}

TEST(NormalizePath, RefusesToGoUp) {
  for (const std::string_view path : {"..", "../a", "a/..", "/..", "a/../b", "./..", "a/b/../../..", "..//"}) {
    EXPECT_FALSE(normalize_path(path)) << path;
  }
}

TEST(ParentPath, IsWhatIsBeforeTheName) {
  EXPECT_EQ(parent_path("a"), "");
  EXPECT_EQ(parent_path("a/b"), "a");
  EXPECT_EQ(parent_path("a/b/c"), "a/b");
  EXPECT_EQ(parent_path(""), "");
}

class FollowPath : public ::testing::Test {
 protected:
  void file(const std::string& path) { files_[path] = {.path = path}; }
  void directory(const std::string& path) { files_[path] = {.path = path, .kind = FileKind::directory}; }
  void link(const std::string& path, const std::string& target) {
    files_[path] = {.path = path, .kind = FileKind::symbolic_link, .link_target = target};
  }

  // Where it leads; "nowhere" for null.
  [[nodiscard]] auto follow(std::string_view path) const -> std::string {
    const auto* file = follow_path(path, [this](std::string_view at) -> const File* {
      const auto found = files_.find(at);
      return found == files_.end() ? nullptr : &found->second;
    });
    return file == nullptr ? "nowhere" : file->path;
  }

 private:
  std::map<std::string, File, std::less<>> files_;
};

TEST_F(FollowPath, FollowsLinksOfBothEndsAndOfTheWay) {
  directory("usr");
  directory("usr/lib");
  file("usr/lib/x");
  link("lib", "usr/lib");
  link("usr/lib/y", "../../lib/x");
  link("z", "lib/y");
  for (const std::string_view path : {"usr/lib/x", "lib/x", "usr/lib/y", "lib/y", "z", "/./z", "//lib//x"}) {
    EXPECT_EQ(follow(path), "usr/lib/x") << path;
  }
  EXPECT_EQ(follow("lib"), "usr/lib");
}

TEST_F(FollowPath, LeadsNowhere) {
  directory("d");
  file("f");
  link("dangling", "d/nothing");
  link("loop", "loop");
  link("a", "b");
  link("b", "a");
  link("root", ".");
  link("d/up", "..");
  for (const std::string_view path :
       {"", "/", ".", "nothing", "f/x", "d/nothing", "dangling", "loop", "a", "../f", "d/../f", "root", "d/up"}) {
    EXPECT_EQ(follow(path), "nowhere") << path;
  }
  EXPECT_EQ(follow("root/f"), "f");
  EXPECT_EQ(follow("d/up/f"), "f");
}

TEST_F(FollowPath, FollowsFortyLinks) {
  file("0");
  for (int i = 1; i <= 41; ++i) link(std::to_string(i), std::to_string(i - 1));
  EXPECT_EQ(follow("40"), "0");
  EXPECT_EQ(follow("41"), "nowhere");
}

}  // namespace
}  // namespace hermitage::image
