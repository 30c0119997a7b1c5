#include "hermitage/inspect/stacks.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace hermitage::inspect {
namespace {

const std::vector<NamedStack> kStacks{{.frames = {"main", "work"}, .samples = 3},
                                      {.frames = {"main", "work", "[hypercall read]"}, .samples = 1},
                                      {.frames = {"main"}, .samples = 6}};
const std::vector<NamedStack> kHostile{{.frames = {"a;b\n\x1b[2J", "\xff\"\\"}, .samples = 1}};

auto speedscope_of(const std::vector<NamedStack>& stacks) -> nlohmann::json {
  return nlohmann::json::parse(
      collected([&](const Sink& sink) { print_speedscope(stacks, {.name = "im\"age", .rate = 1000}, sink); }));
}

auto folded_of(const std::vector<NamedStack>& stacks) -> std::string {
  return collected([&](const Sink& sink) { print_folded(stacks, sink); });
}

TEST(Folded, IsALineForEachStack) {
  EXPECT_EQ(folded_of(kStacks), "main;work 3\nmain;work;[hypercall read] 1\nmain 6\n");
  EXPECT_EQ(folded_of({}), "");
  EXPECT_EQ(folded_of(kHostile), "a:b\\x0a\\x1b[2J;\\xff\"\\ 1\n");
}

TEST(Speedscope, IsItsSampledProfile) {
  const auto json = speedscope_of(kStacks);
  EXPECT_EQ(json["$schema"], "https://www.speedscope.app/file-format-schema.json");
  EXPECT_EQ(json["name"], "im\"age");
  const auto& frames = json["shared"]["frames"];
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[0]["name"], "main");
  const auto& profile = json["profiles"][0];
  EXPECT_EQ(profile["type"], "sampled");
  EXPECT_EQ(profile["samples"], (nlohmann::json{{0, 1}, {0, 1, 2}, nlohmann::json::array({0})}));
  EXPECT_EQ(profile["weights"], (nlohmann::json{3.0, 1.0, 6.0}));
  EXPECT_EQ(profile["endValue"], 10.0);
}

TEST(Speedscope, IsValidForAnyNames) {
  EXPECT_EQ(speedscope_of(kHostile)["shared"]["frames"].size(), 2U);
  EXPECT_EQ(speedscope_of({})["profiles"][0]["samples"].size(), 0U);
}

}  // namespace
}  // namespace hermitage::inspect
