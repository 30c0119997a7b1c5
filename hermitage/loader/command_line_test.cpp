#include "hermitage/loader/command_line.hpp"

#include <string>

#include <gtest/gtest.h>

namespace hermitage::loader {
namespace {

struct Split {
  std::string line;
  LoaderOptions options;
};

auto split(std::string_view line) -> Split {
  Split result;
  result.line.resize(line.size());
  result.line.resize(split_command_line(line, result.line, result.options));
  return result;
}

TEST(CommandLine, TakesTheLoadersWordsOut) {
  const auto result = split("/loader hermitage.log=debug  -freq 1000 -- a");
  EXPECT_EQ(result.line, "/loader -freq 1000 -- a");
  EXPECT_EQ(result.options.log_level, LogLevel::debug);
  EXPECT_EQ(result.options.unknown, "");
}

TEST(CommandLine, LeavesWhatIsTheApplications) {
  for (const auto* const line :
       {"", "   ", "a b", "a -- hermitage.log=off", "-- hermitage.log=off", "'hermitage.log=off'",
        "x=hermitage.log=off", "'-- ' hermitage", "a 'b", "a \\", "\"a \\\" b\" c"}) {
    const auto result = split(line);
    EXPECT_EQ(result.line, line);
    EXPECT_EQ(result.options.log_level, std::nullopt);
  }
}

TEST(CommandLine, KnowsWordsAsAShellDoes) {
  EXPECT_EQ(split("'a -- b' hermitage.log=off c").line, "'a -- b' c");
  EXPECT_EQ(split("env=A='x hermitage.log=off y' z").line, "env=A='x hermitage.log=off y' z");
  EXPECT_EQ(split("a\\ hermitage.log=off hermitage.log=off").line, "a\\ hermitage.log=off ");
}

TEST(CommandLine, NamesWhatItDoesNotKnow) {
  EXPECT_EQ(split("hermitage.log=loud a").options.unknown, "hermitage.log=loud");
  EXPECT_EQ(split("hermitage.speed=9 a").options.unknown, "hermitage.speed=9");
  EXPECT_EQ(split("hermitage.speed=9 a").line, "a");
}

TEST(CommandLine, TellsWordsFromNone) {
  EXPECT_FALSE(has_words(""));
  EXPECT_FALSE(has_words(" \t\n"));
  EXPECT_TRUE(has_words("  a"));
  EXPECT_EQ(without_first_word("  /a/loader -- b"), " -- b");
  EXPECT_EQ(without_first_word("/loader"), "");
  EXPECT_EQ(without_first_word(""), "");
}

}  // namespace
}  // namespace hermitage::loader
