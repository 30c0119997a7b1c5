#include "hermitage/base/arguments.hpp"

#include <cstdio>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

namespace hermitage::base {
namespace {

// What a shell makes of it.
auto shell_word(const std::string& quoted) -> std::string {
  auto* const pipe =
      ::popen(("printf '%s' " + quoted).c_str(), "r");  // NOLINT(cert-env33-c): quoting is what is tested
  if (pipe == nullptr) throw std::runtime_error{"popen"};
  std::string word;
  for (int character = std::fgetc(pipe); character != EOF; character = std::fgetc(pipe)) {
    word += static_cast<char>(character);
  }
  ::pclose(pipe);
  return word;
}

TEST(ShellQuoted, LeavesWhatNeedsNoQuotes) {
  for (const auto* const word : {"word", "--option=value", "a/b.c", "KEY=VALUE", "%+,-./:=@_0Zz"}) {
    EXPECT_EQ(shell_quoted(word), word);
  }
}

TEST(ShellQuoted, IsUndoneByAShell) {
  for (const std::string word :
       {"",  " ",  "two words", "'",    "''", "it's", "\"", "$HOME", "`id`",  "\\",   "a\\b",  "*", "#x",
        "~", "!x", "a\nb",      "a\tb", "&",  ";",    "|",  "(",     "{a,b}", "\x01", "grüße", "-n"}) {
    EXPECT_EQ(shell_word(shell_quoted(word)), word);
  }
}

TEST(BootArguments, PutsEverythingInOrder) {
  EXPECT_EQ(boot_arguments({.program = "ignored",
                            .kernel = {"-freq", "100"},
                            .application = {"one", "two words", ""},
                            .environment = {"A=1", "B=x y"}}),
            "-freq 100 env=A=1 'env=B=x y' -- one 'two words' ''");
  EXPECT_EQ(boot_arguments({}), "");
  EXPECT_EQ(boot_arguments({.program = "p", .kernel = {"k"}, .application = {}, .environment = {}}), "k");
  EXPECT_EQ(boot_arguments({.program = "p", .kernel = {}, .application = {"--"}, .environment = {}}), "-- --");
}

TEST(BootArguments, LeavesABootLoaderNoWordOfTheGuests) {
  EXPECT_EQ(boot_arguments({.program = {},
                            .kernel = {"hermitage.handover=1", "hermitage.log=a b", "x"},
                            .application = {"hermitage.log=off"},
                            .environment = {}}),
            "'hermitage.handover=1' 'hermitage.log=a b' x -- 'hermitage.log=off'");
}

TEST(BootArguments, RefusesAnEndAmongTheKernelsWords) {
  const auto line =
      boot_arguments({.program = {}, .kernel = {"k", "--", "x"}, .application = {}, .environment = {"A=1"}});
  ASSERT_FALSE(line);
  EXPECT_NE(line.error().text.find("contain '--'"), std::string::npos);
}

TEST(BootArguments, TakesUtf8Only) {
  // One for each length, at the borders of each; and what is not.
  for (const std::string word : {"\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                                 "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_EQ(boot_arguments({.program = {}, .kernel = {word}, .application = {}, .environment = {}}),
              "'" + word + "'");
  }
  for (const std::string word :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41", "\xe0\x9f\xbf", "\xe1\x80", "\xed\xa0\x80",
        "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "good\xfe"}) {
    for (const auto& arguments : {Arguments{.program = {}, .kernel = {word}, .application = {}, .environment = {}},
                                  Arguments{.program = {}, .kernel = {}, .application = {"x", word}, .environment = {}},
                                  Arguments{.program = {}, .kernel = {}, .application = {}, .environment = {word}}}) {
      const auto line = boot_arguments(arguments);
      ASSERT_FALSE(line);
      EXPECT_NE(line.error().text.find("not UTF-8"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace hermitage::base
