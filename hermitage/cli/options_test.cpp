#include "hermitage/cli/options.hpp"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::cli {
namespace {

struct Values {
  bool flag = false;
  std::string text;
  std::optional<std::string> maybe;
  std::vector<std::string> list;
  std::optional<unsigned> number;
};

constexpr std::array kOptions{
    OptionOf<Values>{'f', "flag", nullptr, "a flag", set<&Values::flag>},
    OptionOf<Values>{'t', "text", "TEXT", "a text", set<&Values::text>},
    OptionOf<Values>{0, "maybe", "TEXT", "perhaps a text", set<&Values::maybe>},
    OptionOf<Values>{0, "list", "ITEM", "many texts", set<&Values::list>},
    OptionOf<Values>{'n', "number", "N", "a number", set_number<&Values::number>},
    OptionOf<Values>{'o', "old", nullptr, nullptr,
                     [](Values&, const char*) -> Outcome { return std::unexpected{std::string{"gone"}}; }},
};

auto parse(Words words, Values& values, Order order = Order::any) {
  return parse_options<kOptions>(words, order, values);
}

auto error_of(Words words) -> std::string {
  Values values;
  const auto parsed = parse(std::move(words), values);
  return parsed ? "none" : parsed.error();
}

TEST(Options, SetWhatTheyAreFor) {
  Values values;
  const auto parsed =
      parse({"one", "-ft", "a b", "--list", "--flag", "two", "--list=", "-n7", "--maybe", "-", "--", "--list"}, values);
  ASSERT_TRUE(parsed) << parsed.error();
  EXPECT_TRUE(values.flag);
  EXPECT_EQ(values.text, "a b");
  EXPECT_EQ(values.maybe, "-");
  EXPECT_EQ(values.list, (Words{"--flag", ""})) << "what follows an option with a value is its value";
  EXPECT_EQ(values.number, 7U);
  EXPECT_EQ(parsed->operands, (Words{"one", "two", "--list"}));
  EXPECT_FALSE(parsed->wants_help);
}

TEST(Options, EndAtTheFirstOperandWhereThatIsTheOrder) {
  Values values;
  const auto parsed = parse({"-f", "one", "-t", "x", "--"}, values, Order::options_first);
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(values.flag);
  EXPECT_EQ(values.text, "");
  EXPECT_EQ(parsed->operands, (Words{"one", "-t", "x", "--"}));
}

TEST(Options, AreNotAbbreviated) {
  EXPECT_EQ(error_of({"--fl"}), "unknown option '--fl' (did you mean --flag?)");
  EXPECT_EQ(error_of({"--num", "1"}), "unknown option '--num' (did you mean --number?)");
  EXPECT_EQ(error_of({"--num=1"}), "unknown option '--num=1' (did you mean --number?)");
  EXPECT_EQ(error_of({"--num"}), "unknown option '--num' (did you mean --number?)") << "its value is missing, too";
  EXPECT_EQ(error_of({"--fla=1"}), "unknown option '--fla=1' (did you mean --flag?)");
  EXPECT_EQ(error_of({"word", "--hel"}), "unknown option '--hel' (did you mean --help?)");
  Values values;
  ASSERT_TRUE(parse({"--list", "--num", "-fn", "1", "-f", "--", "--fl"}, values));
  EXPECT_EQ(values.list.back(), "--num") << "a value";
}

TEST(Options, AskForHelpAmongOthers) {
  for (const auto* const help : {"-h", "--help"}) {
    Values values;
    const auto parsed = parse({"-f", help, "-n", "1"}, values);
    ASSERT_TRUE(parsed);
    EXPECT_TRUE(parsed->wants_help);
  }
}

TEST(Options, SayWhatIsWrong) {
  EXPECT_EQ(error_of({"word", "--nonsense"}), "unknown option '--nonsense'");
  EXPECT_EQ(error_of({"--nonsense=1", "word"}), "unknown option '--nonsense=1'");
  EXPECT_EQ(error_of({"word", "--txet", "x"}), "unknown option '--txet' (did you mean --text?)");
  EXPECT_EQ(error_of({"word", "-fz"}), "unknown option '-z'");
  EXPECT_EQ(error_of({"word", "-t"}), "--text requires a value: --text TEXT");
  EXPECT_EQ(error_of({"--maybe"}), "--maybe requires a value: --maybe TEXT");
  EXPECT_EQ(error_of({"--flag=1"}), "--flag takes no value");
  EXPECT_EQ(error_of({"--help=1"}), "--help takes no value");
  EXPECT_EQ(error_of({"-t", "a", "--text", "b"}), "--text 'b': can be given only once");
  EXPECT_EQ(error_of({"-n", "1", "-n", "1"}), "--number '1': can be given only once");
  for (const auto* const number : {"", "x", "-1", "1x", " 1", "4294967296"}) {
    EXPECT_EQ(error_of({"-n", number}), "--number '" + std::string{number} + "': not a number, or too large");
  }
  EXPECT_EQ(error_of({"-o"}), "--old: gone");
  EXPECT_EQ(error_of({"--old=1"}), "--old '1': gone");
}

TEST(Options, AreListedInTheHelp) {
  constexpr Operand operands[] = {{"FILE", "a file"}, {"MORE", "others", Operand::Count::any}};
  const CommandText text{.name = "do it", .description = "Do it", .operands = operands, .epilogue = "The end."};
  EXPECT_EQ(help_of(text, texts_of(std::span<const OptionOf<Values>>{kOptions}.first(3))),
            "Do it\n"
            "Usage: hermitage do it [OPTIONS] FILE [MORE...]\n"
            "\n"
            "Operands:\n"
            "  FILE                         a file\n"
            "  [MORE...]                    others\n"
            "\n"
            "Options:\n"
            "  -f, --flag                   a flag\n"
            "  -t, --text TEXT              a text\n"
            "      --maybe TEXT             perhaps a text\n"
            "  -h, --help                   print this help\n"
            "\n"
            "The end.\n");
  EXPECT_EQ(options_help(texts_of(std::span<const OptionOf<Values>>{kOptions})).find("old"), std::string::npos);
}

TEST(Operands, AreCounted) {
  constexpr Operand operands[] = {{"FILE", ""}, {"DIR", ""}};
  const CommandText text{.name = "do", .description = "", .operands = operands, .epilogue = ""};
  EXPECT_TRUE(check_operands(text, {"a", "b"}));
  EXPECT_EQ(check_operands(text, {}).error(), "missing operand FILE");
  EXPECT_EQ(check_operands(text, {"a"}).error(), "missing operand DIR");
  EXPECT_EQ(check_operands(text, {"a", "b", "c"}).error(), "unexpected operand 'c'");
}

}  // namespace
}  // namespace hermitage::cli
