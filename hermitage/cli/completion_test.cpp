#include "hermitage/cli/completion.hpp"

#include <array>
#include <cstdio>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hermitage/cli/commands.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::cli {
namespace {

using Offers = std::set<std::string>;

// What the script offers for a command line in bash: a shell runs its function.
class BashCompletionTest : public ::testing::Test {
 protected:
  // `line` are words as a shell has them; the last is the one that is completed.
  [[nodiscard]] auto offers(const std::string& line) const -> Offers {
    const auto command = fmt::format(
        "bash -c 'source {}; COMP_WORDS=({}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _hermitage; "
        "printf \"%s\\n\" \"${{COMPREPLY[@]}}\"' 2>&1",
        script, line);
    std::string output;
    auto* const pipe = ::popen(command.c_str(), "r");  // NOLINT(cert-env33-c): the command is the test's
    std::array<char, 4096> piece{};
    while (std::fgets(piece.data(), piece.size(), pipe) != nullptr) output += piece.data();
    EXPECT_EQ(::pclose(pipe), 0) << command;
    Offers offers;
    std::istringstream lines{output};
    for (std::string word; std::getline(lines, word);) {
      if (!word.empty()) offers.insert(word);
    }
    return offers;
  }

  hermitage::testing::TemporaryDirectory directory;
  std::string script = directory.write("hermitage", bash_completion(describe_program()));
};

TEST_F(BashCompletionTest, OffersCommandsAndOptions) {
  EXPECT_EQ(offers("hermitage \"\""), (Offers{"debug", "doctor", "help", "image", "inspect", "load", "run", "snapshot",
                                              "--version", "--help", "-h"}));
  EXPECT_EQ(offers("hermitage i"), (Offers{"image", "inspect"}));
  EXPECT_EQ(offers("hermitage image \"\""), (Offers{"create", "list", "extract", "check", "--help", "-h"}));
  EXPECT_EQ(offers("hermitage image create --k"), (Offers{"--kernel", "--kernel-arg"}));
  EXPECT_EQ(offers("hermitage run --st"), (Offers{"--stale-files", "--stats", "--stats-file"}));
  EXPECT_EQ(offers("hermitage run --gdb"), (Offers{"--gdb-port", "--gdb", "--gdb-no-wait"}));
}

TEST_F(BashCompletionTest, OffersValues) {
  EXPECT_EQ(offers("hermitage run --engine \"\""), (Offers{"auto", "kvm", "qemu"}));
  EXPECT_EQ(offers("hermitage run --engine = q"), (Offers{"qemu"})) << "as bash splits --engine=q";
  EXPECT_EQ(offers("hermitage run --engine ="), (Offers{"auto", "kvm", "qemu"}));
  EXPECT_EQ(offers("hermitage run --engine=q"), (Offers{"--engine=qemu"})) << "with COMP_WORDBREAKS without =";
  EXPECT_EQ(offers("hermitage inspect file --by \"\""), (Offers{"crate", "function", "file", "segment"}));
  EXPECT_EQ(offers("hermitage run --io-mode host=d"), (Offers{"host=direct", "host=direct,sync"}));
}

TEST_F(BashCompletionTest, LeavesFilesToReadline) {
  for (const auto* const line :
       {"hermitage run \"\"", "hermitage run -o \"\"", "hermitage run image word", "hermitage inspect \"\"",
        "hermitage image create --config \"\"", "hermitage nonsense --h"}) {
    EXPECT_EQ(offers(line), Offers{}) << line;
  }
}

TEST_F(BashCompletionTest, LeavesTheWordsAfterAnImageToTheApplication) {
  for (const auto* const line :
       {"hermitage run image --", "hermitage run image --engine \"\"", "hermitage run -c 2 image --st",
        "hermitage run --engine = kvm image --st", "hermitage run -e A = B image --st",
        "hermitage run -p 80 : 80 image word --st", "hermitage run -- image --st", "hermitage debug image --lldb"}) {
    EXPECT_EQ(offers(line), Offers{}) << line;
  }
  for (const auto* const line : {"hermitage run -c 2 --st", "hermitage run --engine = kvm --st",
                                 "hermitage run -e A = B --st", "hermitage run -p 80 : 80 --verbose --st"}) {
    EXPECT_EQ(offers(line), (Offers{"--stale-files", "--stats", "--stats-file"})) << line;
  }
}

// Every option of every command.
TEST_F(BashCompletionTest, KnowsThemAll) {
  for (const auto& command : describe_program().commands) {
    for (const auto& option : command.describe().options) {
      const auto name = fmt::format("--{}", option.name);
      EXPECT_TRUE(offers(fmt::format("hermitage {} {}", command.name, name)).contains(name)) << command.name;
    }
    for (const auto& subcommand : command.describe().commands) {
      for (const auto& option : subcommand.describe().options) {
        const auto name = fmt::format("--{}", option.name);
        const auto line = fmt::format("hermitage {} {} {}", command.name, subcommand.name, name);
        EXPECT_TRUE(offers(line).contains(name)) << line;
      }
    }
  }
}

TEST(ZshCompletion, DescribesOptions) {
  const auto script = zsh_completion(describe_program());
  for (const auto* const line :
       {"#compdef hermitage\n", "\n_hermitage_image_create() {\n", "    create) _hermitage_image_create && ret=0 ;;\n",
        "'(-o --output)'{-o,--output=}'[write the image to this file]:OUT.tar.gz:_files' \\\n",
        "'*'{-e,--env-vars=}'[set an environment variable of the guest]:KEY=VALUE:'", "'--json[print a JSON object]'",
        "'(- *)'{-h,--help}'[print this help]'", "'(- *)--version[",
        "'*--file-mapping=[map a host file or directory into the guest]:HOST\\:GUEST[\\:ro]:_files'",
        ":NAME:(auto kvm qemu)'", "_arguments -A '-*' ", "'*:DIR:_files -/'", "'1:IMAGE:_files'"}) {
    EXPECT_NE(script.find(line), std::string::npos) << line;
  }
  EXPECT_TRUE(script.ends_with("_hermitage \"$@\"\n"));
}

TEST(FishCompletion, DescribesOptions) {
  const auto script = fish_completion(describe_program());
  for (const auto* const line :
       {"\ncomplete -c hermitage -n '__hermitage_before_operand \"\"' -f -a run -d ",
        "\ncomplete -c hermitage -n '__hermitage_before_operand \"image\"' -f -a create -d ",
        "\ncomplete -c hermitage -n '__hermitage_at \"image create\"' -s o -l output -r -F -d 'write the image to this "
        "file'\n",
        "\ncomplete -c hermitage -n '__hermitage_at \"inspect\"' -l json -d 'print JSON: an object for one FILE, ",
        " -l engine -x -a 'auto kvm qemu' -d ", " -l tempdir -x -a '(__fish_complete_directories)' -d ",
        " -s e -l env-vars -x -d ", " -d 'directory for the guest\\'s temporary files'\n"}) {
    EXPECT_NE(script.find(line), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace hermitage::cli
