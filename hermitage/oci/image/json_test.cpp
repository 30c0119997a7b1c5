#include "hermitage/oci/image/json.hpp"

#include <gtest/gtest.h>

namespace hermitage::oci {
namespace {

TEST(Json, KeepsOrderAndNumbers) {
  const auto* const text =
      R"({"z":1,"a":[18446744073709551615,-9223372036854775808,9223372036854775807,0.5,true,null],"":{"é":"\u0001"}})";
  const auto json = parse_json(text);
  ASSERT_TRUE(json);
  EXPECT_EQ(to_text(*json), text);
}

TEST(Json, IsRefusedWhenItIsWrong) {
  for (const std::string text : {"", "{", "{}x", "{\"a\":1e999}", "\"\xff\"", "nul", "[1,]"}) {
    EXPECT_FALSE(parse_json(text)) << text;
  }
}

TEST(Json, HasALimitedDepth) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(parse_json(nested(kMaxDepth)));
  EXPECT_FALSE(parse_json(nested(kMaxDepth + 1)));
  EXPECT_FALSE(parse_json(nested(1'000'000)));
  EXPECT_TRUE(parse_json("\"" + std::string(1000, '[') + "\\\"" + std::string(1000, '[') + "\""));
}

TEST(Json, GivesOnlyWhatHasTheType) {
  const auto json = parse_json(R"({"a":{"b":"text"},"n":5,"big":18446744073709551615,"t":true,"l":["x",1,"y"]})");
  ASSERT_TRUE(json);
  EXPECT_EQ(string_of(member(*json, {"a", "b"})), "text");
  EXPECT_EQ(string_of(member(*json, {"a", "b", "c"})), "");
  EXPECT_EQ(string_of(member(*json, "n")), "");
  EXPECT_EQ(integer_of(member(*json, "n")), 5);
  EXPECT_EQ(integer_of(member(*json, "big")), INT64_MAX);
  EXPECT_EQ(integer_of(member(*json, "t")), std::nullopt);
  EXPECT_EQ(integer_of(nullptr), std::nullopt);
  EXPECT_TRUE(is_true(member(*json, "t")));
  EXPECT_FALSE(is_true(member(*json, "n")));
  EXPECT_EQ(strings_of(member(*json, "l")), (std::vector<std::string>{"x", "y"}));
  EXPECT_TRUE(elements_of(member(*json, "a")).empty());
}

}  // namespace
}  // namespace hermitage::oci
