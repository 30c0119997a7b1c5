#include "hermitage/qemu/process.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <expected>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hermitage/guest/descriptor.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::qemu {
namespace {

using namespace std::chrono_literals;
using guest::Descriptor;
using testing::TemporaryDirectory;
using Clock = std::chrono::steady_clock;

struct Finished {
  std::expected<ProcessEnding, std::string> ending;
  std::string output;
  std::vector<std::string> error_lines;
  Clock::duration took{};
};

auto finish(const CommandLine& line, ProcessOptions options = {}) -> Finished {
  const TemporaryDirectory directory;
  const auto path = directory.write("output", "");
  const Descriptor file{::open(path.c_str(), O_RDWR | O_CLOEXEC)};
  Finished finished;
  options.output = file.get();
  options.on_error_line = [&finished](std::string_view text) { finished.error_lines.emplace_back(text); };
  const auto begin = Clock::now();
  finished.ending = run_process("/bin/sh", line, options);
  finished.took = Clock::now() - begin;
  std::array<char, 4096> buffer{};
  for (;;) {
    const auto got = ::pread(file.get(), buffer.data(), buffer.size(), static_cast<off_t>(finished.output.size()));
    if (got <= 0) break;
    finished.output.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return finished;
}

auto shell(const std::string& script, ProcessOptions options = {}) -> Finished {
  return finish({.words = {"sh", "-c", script}, .descriptors = {}}, std::move(options));
}

auto exit_code(const Finished& finished) -> int {
  if (!finished.ending) return -1;
  const auto* const ended = std::get_if<Ended>(&*finished.ending);
  return ended != nullptr && WIFEXITED(ended->status) ? WEXITSTATUS(ended->status) : -1;
}

TEST(Process, PassesWordsOutputAndExitCodeOn) {
  const auto finished = finish(
      {.words = {"sh", "-c", R"(printf '%s|' "$0" "$@"; exit 42)", "name", "two words", "", "'"}, .descriptors = {}});
  EXPECT_EQ(finished.output, "name|two words||'|");
  EXPECT_EQ(exit_code(finished), 42);
}

TEST(Process, PassesAllOutputOnHoweverMuch) {
  const auto finished = shell("head -c 1000000 /dev/zero | tr '\\0' x; printf end");
  ASSERT_EQ(finished.output.size(), 1'000'003U);
  EXPECT_TRUE(finished.output.ends_with("xend"));
}

TEST(Process, CutsErrorsIntoLines) {
  const auto finished = shell("printf 'one\\ntwo\\n\\nthree' >&2");
  EXPECT_EQ(finished.error_lines, (std::vector<std::string>{"one", "two", "three"}));
}

TEST(Process, OutputIsWhatOnOutputMakesOfIt) {
  ProcessOptions options;
  options.on_output = [](std::string_view text) {
    return text.empty() ? std::string{"[end]"} : "<" + std::string{text} + ">";
  };
  EXPECT_EQ(shell("printf text", options).output, "<text>[end]");
  EXPECT_EQ(shell("exit 0", options).output, "[end]");
}

TEST(Process, NamesFilesByDescriptors) {
  const TemporaryDirectory directory;
  const auto first = directory.write("a b", "first,");
  const auto second = directory.write("c d", "second");
  const auto finished = finish({.words = {"sh", "-c", "cat /dev/fd/3 /dev/fd/4"}, .descriptors = {first, second}});
  EXPECT_EQ(finished.output, "first,second");
  EXPECT_EQ(exit_code(finished), 0);
}

TEST(Process, HasNoDescriptorsOfOurs) {
  // Nothing but what whoever started this program lets all programs have.
  std::set<std::string> inherited;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    const auto name = entry.path().filename().string();
    const int flags = ::fcntl(std::stoi(name), F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) inherited.insert(name);
  }
  inherited.merge(std::set<std::string>{"0", "1", "2"});
  std::vector<std::string> more;
  std::istringstream names{shell("exec ls /proc/self/fd").output};
  for (std::string name; names >> name;) {
    if (!inherited.contains(name)) more.push_back(name);
  }
  EXPECT_EQ(more.size(), 1U) << "that by which ls lists them";
}

TEST(Process, SaysWhyItCannotBeStarted) {
  const auto missing = run_process("/nowhere/program", {.words = {"program"}, .descriptors = {}}, {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error(), "/nowhere/program: No such file or directory");
  const auto no_file = run_process("/bin/sh", {.words = {"sh"}, .descriptors = {"/nowhere/file"}}, {});
  ASSERT_FALSE(no_file);
  EXPECT_EQ(no_file.error(), "/nowhere/file: No such file or directory");
}

TEST(Process, EndsAfterTheTimeout) {
  const auto finished = shell("printf started; exec sleep 60", {.timeout = 200ms});
  ASSERT_TRUE(finished.ending);
  EXPECT_TRUE(std::holds_alternative<TimedOut>(*finished.ending));
  EXPECT_EQ(finished.output, "started");
  EXPECT_GE(finished.took, 200ms);
  EXPECT_LT(finished.took, 30s);
}

TEST(Process, IsKilledWhenItDoesNotEnd) {
  const auto finished = shell("trap '' TERM; while :; do sleep 0.1; done", {.timeout = 200ms});
  ASSERT_TRUE(finished.ending);
  EXPECT_TRUE(std::holds_alternative<TimedOut>(*finished.ending));
  EXPECT_LT(finished.took, 30s);
}

TEST(Process, EndsWithTheSignalThatEndsThisOne) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    const auto finished = shell("kill -" + std::to_string(signal) + " $PPID; exec sleep 60");
    ASSERT_TRUE(finished.ending);
    const auto* const stopped = std::get_if<Stopped>(&*finished.ending);
    ASSERT_NE(stopped, nullptr);
    EXPECT_EQ(stopped->signal, signal);
    EXPECT_LT(finished.took, 30s);
  }
}

TEST(Process, HeedsNoSignalThatIsIgnored) {
  ::signal(SIGHUP, SIG_IGN);
  EXPECT_EQ(exit_code(shell("kill -HUP $PPID; sleep 0.1; exit 7")), 7);
  ::signal(SIGHUP, SIG_DFL);
}

TEST(Process, EndsWhenItsOutputCannotBeWritten) {
  const Descriptor full{::open("/dev/full", O_WRONLY | O_CLOEXEC)};
  const auto ending =
      run_process("/bin/sh", {.words = {"sh", "-c", "echo; exec sleep 60"}, .descriptors = {}}, {.output = full.get()});
  ASSERT_TRUE(ending);
  const auto* const failed = std::get_if<OutputFailed>(&*ending);
  ASSERT_NE(failed, nullptr);
  EXPECT_EQ(failed->error_number, ENOSPC);
}

TEST(Process, MayPrintForNobody) {
  const auto ending = run_process(
      "/bin/sh", {.words = {"sh", "-c", "head -c 1000000 /dev/zero; exit 3"}, .descriptors = {}}, {.output = -1});
  ASSERT_TRUE(ending);
  ASSERT_TRUE(std::holds_alternative<Ended>(*ending));
  EXPECT_EQ(WEXITSTATUS(std::get<Ended>(*ending).status), 3);
}

TEST(Process, ASlowReaderGetsEverythingAfterItsEnd) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Descriptor reading{ends[0]};
  Descriptor writing{ends[1]};
  const auto reader = ::fork();
  if (reader == 0) {
    ::close(ends[1]);
    ::usleep(300'000);
    std::array<char, 4096> buffer{};
    std::size_t count = 0;
    for (;;) {
      const auto got = ::read(ends[0], buffer.data(), buffer.size());
      if (got <= 0) break;
      count += static_cast<std::size_t>(got);
    }
    ::_exit(count == 200'000 ? 0 : 1);
  }
  const auto ending = run_process("/bin/sh", {.words = {"sh", "-c", "head -c 200000 /dev/zero"}, .descriptors = {}},
                                  {.output = writing.get()});
  writing = Descriptor{};
  int status = 0;
  ASSERT_EQ(::waitpid(reader, &status, 0), reader);
  EXPECT_EQ(status, 0);
  ASSERT_TRUE(ending);
  EXPECT_TRUE(std::holds_alternative<Ended>(*ending));
}

}  // namespace
}  // namespace hermitage::qemu
