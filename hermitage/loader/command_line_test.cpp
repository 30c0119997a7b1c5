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

TEST(CommandLine, TakesTheFirstHandover) {
  const auto result = split("/loader hermitage.handover=0123456789abcdef a hermitage.handover=f -- b");
  EXPECT_EQ(result.line, "/loader a -- b");
  EXPECT_EQ(result.options.handover, "0123456789abcdef");
  EXPECT_EQ(result.options.unknown, "hermitage.handover=f");
  const std::string longest(64, 'a');
  EXPECT_EQ(split("hermitage.handover=" + longest).options.handover.size(), 64U);
  for (const auto& value : {std::string{}, std::string{"x"}, std::string{"A"}, std::string{"'1'"}, longest + "a"}) {
    EXPECT_EQ(split("hermitage.handover=" + value).options.handover, "") << value;
  }
}

TEST(CommandLine, TellsWordsFromNone) {
  EXPECT_FALSE(has_words(""));
  EXPECT_FALSE(has_words(" \t\n"));
  EXPECT_TRUE(has_words("  a"));
}

TEST(CommandLine, ComesApartIntoWords) {
  std::string_view line = "  /a/loader 'b c'd\\ e  -- ";
  EXPECT_EQ(take_word(line), "/a/loader");
  EXPECT_EQ(take_word(line), "'b c'd\\ e");
  EXPECT_EQ(line, "  -- ");
  EXPECT_EQ(take_word(line), "--");
  EXPECT_EQ(take_word(line), "");
  EXPECT_EQ(line, "");
}

TEST(ShellCharacters, AreWithoutQuotes) {
  const auto read = [](std::string_view word) {
    std::string text;
    ShellCharacters characters{word};
    while (const auto character = characters.next()) text += *character;
    return text;
  };
  EXPECT_EQ(read("plain"), "plain");
  EXPECT_EQ(read("'a b'\"c d\"e"), "a bc de");
  EXPECT_EQ(read("a\\ b\\'c"), "a b'c");
  EXPECT_EQ(read("'\\a\"'\"'\""), "\\a\"'");
  EXPECT_EQ(read(R"("\a\"\$\`\\")"), R"(\a"$`\)");
  EXPECT_EQ(read("'open"), "open");
  EXPECT_EQ(read("end\\"), "end\\");
  ShellCharacters characters{"'env='A=b"};
  EXPECT_TRUE(characters.take("env="));
  EXPECT_FALSE(characters.take("B"));
}

}  // namespace
}  // namespace hermitage::loader
