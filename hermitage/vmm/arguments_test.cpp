#include "hermitage/vmm/arguments.hpp"

#include <array>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace hermitage::vmm {
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
      EXPECT_EQ(line.error().code, ErrorCode::configuration);
      EXPECT_NE(line.error().message.find("not UTF-8"), std::string::npos);
    }
  }
}

TEST(ArgumentVectors, BeginWithTheProgram) {
  const auto vectors = argument_vectors(
      {.program = "image", .kernel = {"for the kernel"}, .application = {"one", ""}, .environment = {"A=1"}});
  ASSERT_TRUE(vectors);
  EXPECT_EQ(vectors->arguments, (std::vector<std::string>{"image", "one", ""}));
  // Kernels of interface 1 run over the end of an environment that is small.
  EXPECT_EQ(vectors->environment, (std::vector<std::string>{"A=1", "", "", "", "", "", "", ""}));
}

TEST(ArgumentVectors, HaveRoomFor128Each) {
  const auto vectors_of = [](std::size_t words, std::size_t variables) {
    return argument_vectors({.program = "p",
                             .kernel = {},
                             .application = std::vector<std::string>(words, "w"),
                             .environment = std::vector<std::string>(variables, "A=1")});
  };
  const auto most = vectors_of(127, 128);
  ASSERT_TRUE(most);
  EXPECT_EQ(most->arguments.size(), 128U);
  EXPECT_EQ(most->environment.size(), 128U);
  for (const auto& [words, variables] : {std::pair{128U, 0U}, std::pair{0U, 129U}}) {
    const auto vectors = vectors_of(words, variables);
    ASSERT_FALSE(vectors);
    EXPECT_EQ(vectors.error().code, ErrorCode::configuration);
    EXPECT_NE(vectors.error().message.find("at most 128"), std::string::npos) << vectors.error().message;
  }
}

}  // namespace
}  // namespace hermitage::vmm
