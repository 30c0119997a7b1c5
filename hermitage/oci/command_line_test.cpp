#include "hermitage/oci/command_line.hpp"

#include <gtest/gtest.h>

namespace hermitage::oci {
namespace {

using Words = std::vector<std::string>;

TEST(CommandLine, OfConmon) {
  const CommandLine line{{"--log-format=json", "--log", "/l", "create", "--bundle", "/b", "--pid-file", "/p",
                          "--console-socket", "/s", "id"}};
  EXPECT_EQ(line.command(), "create");
  EXPECT_EQ(line.global_option("log-format"), "json");
  EXPECT_EQ(line.global_option("log"), "/l");
  EXPECT_EQ(line.global_option("root"), std::nullopt);
  EXPECT_EQ(line.option("bundle"), "/b");
  EXPECT_EQ(line.operands(), Words{"id"});
}

TEST(CommandLine, OfContainerd) {
  const CommandLine line{{"--root", "/r", "--log", "/l", "--log-format", "json", "exec", "--process", "/p", "--detach",
                          "--pid-file=/f", "id"}};
  EXPECT_EQ(line.command(), "exec");
  EXPECT_EQ(line.option("process"), "/p");
  EXPECT_EQ(line.option("detach"), "");
  EXPECT_EQ(line.operands(), Words{"id"});
  EXPECT_EQ(line.query({"state", "id"}), (Words{"--root", "/r", "state", "id"}));
}

TEST(CommandLine, TakesEverySpelling) {
  for (const Words& words :
       {Words{"run", "-b", "x", "id"}, Words{"run", "--b=x", "id"}, Words{"run", "-bundle", "x", "id"},
        Words{"run", "--bundle", "y", "--bundle=x", "--", "id"}}) {
    const CommandLine line{words};
    EXPECT_EQ(line.option("bundle"), "x");
    EXPECT_EQ(line.operands(), Words{"id"});
  }
}

TEST(CommandLine, MayHaveNoCommand) {
  for (const Words& words : {Words{}, Words{"--version"}, Words{"--root"}, Words{"--root", "/r"}}) {
    const CommandLine line{words};
    EXPECT_EQ(line.command(), "");
    EXPECT_TRUE(line.operands().empty());
    EXPECT_EQ(line.preserving(1), words);
  }
}

TEST(CommandLine, EndsItsOptionsAtTheFirstOperand) {
  const CommandLine line{{"exec", "-t", "id", "--bundle", "x"}};
  EXPECT_EQ(line.option("bundle"), std::nullopt);
  EXPECT_EQ(line.operands(), (Words{"id", "--bundle", "x"}));
}

TEST(CommandLine, PreservesDescriptors) {
  EXPECT_EQ((CommandLine{{"--debug", "create", "id"}}.preserving(1)),
            (Words{"--debug", "create", "--preserve-fds", "1", "id"}));
  EXPECT_EQ((CommandLine{{"run", "--preserve-fds=2", "-d", "--preserve-fds", "3", "id"}}.preserving(4)),
            (Words{"run", "--preserve-fds", "4", "-d", "id"}));
}

}  // namespace
}  // namespace hermitage::oci
