#include "hermitage/oci/exec.hpp"

#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "testing/temporary_directory.hpp"

namespace hermitage::oci {
namespace {

using Words = std::vector<std::string>;

class ExecTest : public ::testing::Test {
 protected:
  auto write(const std::string& text) const -> std::string {
    const auto path = directory.path() + "/process.json";
    std::ofstream{path} << text;
    return path;
  }

  testing::TemporaryDirectory directory;
};

TEST_F(ExecTest, ReadsTheCommandLine) {
  const auto request = read_exec_request(CommandLine{{"exec", "-e", "A=B", "name", "snapshot", "/file"}}).value();
  EXPECT_EQ(request.words, (Words{"snapshot", "/file"}));
  EXPECT_FALSE(request.has_terminal || request.detaches);
  EXPECT_TRUE(request.pid_file.empty());
  EXPECT_EQ(read_exec_request(CommandLine{{"exec", "name", "--", "stats"}}).value().words, Words{"stats"});
  EXPECT_TRUE(read_exec_request(CommandLine{{"exec"}}).value().words.empty());
}

TEST_F(ExecTest, ReadsTheProcessOfAnEngine) {
  const auto path = write(R"({"args": ["stats"], "terminal": true, "user": {"uid": 18446744073709551615}})");
  const CommandLine line{{"exec", "--pid-file", "/pid", "--process", path, "--detach", "--tty", "name"}};
  const auto request = read_exec_request(line).value();
  EXPECT_EQ(request.words, Words{"stats"});
  EXPECT_TRUE(request.has_terminal && request.detaches);
  EXPECT_EQ(request.pid_file, "/pid");
}

TEST_F(ExecTest, RefusesAProcessThatCannotBeRead) {
  const CommandLine missing{{"exec", "--process", "/nowhere/file", "name"}};
  EXPECT_EQ(read_exec_request(missing).error(), "open /nowhere/file: No such file or directory");
  const auto path = write("{");
  EXPECT_EQ(read_exec_request(CommandLine{{"exec", "-p", path, "name"}}).error(), "exec: " + path + " is not JSON");
  // Other shapes name no command.
  for (const auto* const text : {"[]", "1", R"({"args": 1})", R"({"args": [1]})", "{}"}) {
    EXPECT_TRUE(read_exec_request(CommandLine{{"exec", "-p", write(text), "name"}}).value().words.empty()) << text;
  }
}

TEST_F(ExecTest, RefusesOtherProgramsAndTerminals) {
  const auto refused = exec_in_guest({.words = {"/bin/sh"}, .detaches = true}, ::getpid());
  EXPECT_TRUE(refused.error().starts_with("exec: a Hermit container runs one guest and no other program"));
  EXPECT_EQ(exec_in_guest({.words = {"stats"}, .has_terminal = true}, ::getpid()).error(),
            "exec: 'stats' has no terminal; leave out -t");
}

TEST_F(ExecTest, FailsWithoutAMonitor) {
  const auto pid_file = directory.path() + "/pid";
  EXPECT_EQ(exec_in_guest({.words = {"stats"}, .pid_file = pid_file}, ::getpid()).value(), 1);
  std::string text;
  std::ifstream{pid_file} >> text;
  EXPECT_EQ(text, std::to_string(::getpid()));
  EXPECT_EQ(exec_in_guest({.words = {"stats"}, .detaches = true, .pid_file = "/nowhere/pid"}, ::getpid()).error(),
            "open /nowhere/pid: No such file or directory");
}

}  // namespace
}  // namespace hermitage::oci
