#include "hermitage/cli/suggestion.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace hermitage::cli {
namespace {

constexpr std::string_view kNames[] = {"memory-size", "cpu-count", "stats", "stats-file", "trace", "run", "net"};

auto nearest_of(std::string_view word) -> std::string {
  return std::string{nearest(word, kNames).value_or("none")};
}

TEST(Suggestion, IsTheOnlyNameWithThatBeginning) {
  EXPECT_EQ(nearest_of("mem"), "memory-size");
  EXPECT_EQ(nearest_of("c"), "cpu-count");
  EXPECT_EQ(nearest_of("stats-"), "stats-file");
}

TEST(Suggestion, TakesFewEdits) {
  EXPECT_EQ(nearest_of("memroy-size"), "memory-size");
  EXPECT_EQ(nearest_of("memory_size"), "memory-size");
  EXPECT_EQ(nearest_of("stat"), "stats") << "two begin like this";
  EXPECT_EQ(nearest_of("tarce"), "trace");
  EXPECT_EQ(nearest_of("runn"), "run");
  EXPECT_EQ(nearest_of("rnu"), "run");
  EXPECT_EQ(nearest_of("nett"), "net");
}

TEST(Suggestion, ComparesWithBeginningsLast) {
  EXPECT_EQ(nearest_of("memroy"), "memory-size");
  EXPECT_EQ(nearest_of("cup-"), "cpu-count");
  EXPECT_EQ(nearest_of("mxr"), "none");
}

TEST(Suggestion, IsNotMadeForOtherWords) {
  EXPECT_EQ(nearest_of(""), "none");
  EXPECT_EQ(nearest_of("verbose"), "none");
  EXPECT_EQ(nearest_of("xyz"), "none");
  EXPECT_EQ(nearest_of(std::string(1000, 'm')), "none");
  EXPECT_EQ(nearest("run", {}), std::nullopt);
}

}  // namespace
}  // namespace hermitage::cli
