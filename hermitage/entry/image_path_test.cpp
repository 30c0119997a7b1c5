#include "hermitage/entry/image_path.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::entry {
namespace {

auto names_of(std::string_view path) -> std::vector<std::string_view> {
  std::vector<std::string_view> names;
  for (auto name = take_name(path); !name.empty(); name = take_name(path)) names.push_back(name);
  return names;
}

TEST(TakeName, TakesWhatIsBetweenSlashes) {
  using Names = std::vector<std::string_view>;
  EXPECT_EQ(names_of(""), Names{});
  EXPECT_EQ(names_of("///"), Names{});
  EXPECT_EQ(names_of("a"), Names{"a"});
  EXPECT_EQ(names_of("//a/.//..b/"), (Names{"a", ".", "..b"}));
}

TEST(ShapeOf, CountsWhatMeansSomething) {
  struct Case {
    std::string_view path;
    std::size_t names;
    std::size_t size;
  };
  constexpr Case kCases[] = {{"", 0, 0}, {"/", 0, 0}, {"./.", 0, 0}, {"a", 1, 1}, {"./a//bc/.", 2, 4}, {"/...", 1, 3}};
  for (const auto& [path, names, size] : kCases) {
    const auto shape = shape_of(path);
    EXPECT_EQ(shape.names, names) << path;
    EXPECT_EQ(shape.size, size) << path;
    EXPECT_FALSE(shape.goes_up || shape.is_too_long) << path;
  }
}

TEST(ShapeOf, KnowsWhatGoesUp) {
  for (const std::string_view path : {"..", "/..", "a/..", "../a", "a/./../b"}) EXPECT_TRUE(shape_of(path).goes_up);
}

TEST(ShapeOf, KnowsWhatIsTooLong) {
  EXPECT_FALSE(shape_of(std::string(kMaxName, 'x')).is_too_long);
  EXPECT_TRUE(shape_of("a/" + std::string(kMaxName + 1, 'x') + "/b").is_too_long);
  std::string path = "x";
  while (path.size() + 2 <= kMaxPath) path += "/x";
  EXPECT_FALSE(shape_of("//./" + path + "/").is_too_long);
  EXPECT_TRUE(shape_of(path + "/xx").is_too_long);
}

TEST(ShapeOf, KnowsWhatIsTooDeep) {
  std::string path = "x";
  for (std::size_t names = 1; names < kMaxDepth; ++names) path += "//x";
  EXPECT_FALSE(shape_of(path + "/.").is_too_deep());
  EXPECT_TRUE(shape_of(path + "/x").is_too_deep());
}

TEST(StaysInside, TakesWhatCannotLeaveTheImage) {
  struct Case {
    std::size_t depth;
    std::string_view target;
    bool stays;
  };
  constexpr Case kCases[] = {
      {0, "b", true},
      {0, "b/c", true},
      {0, "./b", true},
      {0, ".", true},
      {1, "..", true},
      {1, "../c", true},
      {2, "../../d", true},
      {2, ".././../d", true},
      {0, "..", false},
      {0, "../b", false},
      {1, "../../c", false},
      {1, "..//../c", false},
      {0, "/", false},
      {0, "/etc", false},
      {1, "/a/c", false},
      // Through a link named "c", this could lead to any place.
      {1, "c/../../d", false},
      {1, "c/..", false},
      {1, "../c/..", false},
  };
  for (const auto& [depth, target, stays] : kCases) EXPECT_EQ(stays_inside(depth, target), stays) << depth << target;
}

}  // namespace
}  // namespace hermitage::entry
