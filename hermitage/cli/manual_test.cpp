#include "hermitage/cli/manual.hpp"

#include <string>

#include <gtest/gtest.h>

#include "hermitage/cli/commands.hpp"

namespace hermitage::cli {
namespace {

constexpr OptionText kSize{
    .letter = 's', .name = "size", .argument = "SIZE", .help = "how much: `all`, or 0x…", .repeats = true};
constexpr OptionText kQuiet{.name = "quiet", .help = "say nothing"};

auto describe_first() -> CommandDescription {
  return {.options = {kSize, kHelp}};
}
auto describe_second() -> CommandDescription {
  return {.options = {kSize, kQuiet, kHelp}};
}
constexpr NamedCommand kTwo[] = {{"first", "the first", nullptr, describe_first},
                                 {"second", "the second", nullptr, describe_second}};

auto fill_in(std::string_view page) -> std::string {
  const auto filled = fill_in_manual(page, {.options = {kHelp}, .commands = kTwo});
  return filled ? *filled : "error " + filled.error();
}

constexpr const char* kSizeItem =
    ".It Fl s , Fl -size Ar SIZE\nHow much: \\(lqall\\(rq, or 0x....\nCan be given several times.\n";
constexpr const char* kHelpItem = ".It Fl h , Fl -help\nPrint this help.\n";

TEST(Manual, HasTheOptionsOfACommand) {
  EXPECT_EQ(fill_in("a\n.\\\" @options first\n.\\\" @end\nb\n"),
            std::string{"a\n.Bl -tag -width indent\n"} + kSizeItem + kHelpItem + ".El\nb\n");
  EXPECT_EQ(fill_in(".\\\" @options\n.\\\" @end\n"), std::string{".Bl -tag -width indent\n"} + kHelpItem + ".El\n");
}

TEST(Manual, HasEachOptionOfSeveralCommandsOnce) {
  EXPECT_EQ(
      fill_in(".\\\" @options first, second\n.\\\" @end\n"),
      std::string{".Bl -tag -width indent\n"} + kSizeItem + ".It Fl -quiet\nSay nothing.\n" + kHelpItem + ".El\n");
}

TEST(Manual, HasWhatThePageSaysOfAnOption) {
  EXPECT_EQ(
      fill_in(".\\\" @options second\n.\\\" @option quiet\nReally.\n.Pp\nYes.\n.\\\" @option size\nS.\n.\\\" @end\n"),
      std::string{".Bl -tag -width indent\n"} + kSizeItem + "S.\n.It Fl -quiet\nSay nothing.\nReally.\n.Pp\nYes.\n" +
          kHelpItem + ".El\n");
}

TEST(Manual, SaysWhatIsWrongWithAPage) {
  EXPECT_EQ(fill_in("\n.\\\" @options third\n"), "error 2: there is no command 'third'");
  EXPECT_EQ(fill_in(".\\\" @options first\n.\\\" @option quiet\n"), "error 2: there is no option 'quiet'");
  EXPECT_EQ(fill_in(".\\\" @options first\nwhat\n"), "error 2: this is said of no option");
  EXPECT_EQ(fill_in(".\\\" @options first\n.\\\" @option size\n.\\\" @option size\n"),
            "error 3: 'size' is there twice");
  EXPECT_EQ(fill_in(".\\\" @options first\n.\\\" @option size\n"), "error 2: the list of options has no end");
}

}  // namespace
}  // namespace hermitage::cli
