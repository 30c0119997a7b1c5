#include "hermitage/qemu/process.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hermitage/base/descriptor.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::qemu {
namespace {

using namespace std::chrono_literals;
using base::Descriptor;
using testing::TemporaryDirectory;
using Clock = std::chrono::steady_clock;

struct Finished {
  std::expected<ProcessEnding, std::string> ending;
  std::uint64_t undelivered = 0;
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
  const auto result = run_process("/bin/sh", line, options);
  if (result) {
    finished.ending = result->ending;
    finished.undelivered = result->undelivered;
  } else {
    finished.ending = std::unexpected{result.error()};
  }
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
  const auto finished = shell(R"(printf 'one\ntwo\n\nthree' >&2)");
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
  const auto result =
      run_process("/bin/sh", {.words = {"sh", "-c", "echo; exec sleep 60"}, .descriptors = {}}, {.output = full.get()});
  ASSERT_TRUE(result);
  const auto* const failed = std::get_if<OutputFailed>(&result->ending);
  ASSERT_NE(failed, nullptr);
  EXPECT_EQ(failed->error_number, ENOSPC);
}

TEST(Process, MayPrintForNobody) {
  const auto result = run_process(
      "/bin/sh", {.words = {"sh", "-c", "head -c 1000000 /dev/zero; exit 3"}, .descriptors = {}}, {.output = -1});
  ASSERT_TRUE(result);
  ASSERT_TRUE(std::holds_alternative<Ended>(result->ending));
  EXPECT_EQ(WEXITSTATUS(std::get<Ended>(result->ending).status), 3);
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
  const auto result = run_process("/bin/sh", {.words = {"sh", "-c", "head -c 200000 /dev/zero"}, .descriptors = {}},
                                  {.output = writing.get()});
  writing = Descriptor{};
  int status = 0;
  ASSERT_EQ(::waitpid(reader, &status, 0), reader);
  EXPECT_EQ(status, 0);
  ASSERT_TRUE(result);
  EXPECT_TRUE(std::holds_alternative<Ended>(result->ending));
  EXPECT_EQ(result->undelivered, 0U);
}

struct FullPipe {
  Descriptor reading;
  Descriptor writing;
};

auto full_pipe() -> FullPipe {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
  const std::array<char, 4096> bytes{};
  while (::write(ends[1], bytes.data(), bytes.size()) > 0) continue;
  ::fcntl(ends[1], F_SETFL, 0);
  return {Descriptor{ends[0]}, Descriptor{ends[1]}};
}

TEST(Process, NoReaderHoldsTheEndUp) {
  const auto pipe = full_pipe();
  for (const std::string script : {"printf 'seven b'; exec sleep 60", "printf 'seven b'", "yes"}) {
    const auto begin = Clock::now();
    const auto result = run_process("/bin/sh", {.words = {"sh", "-c", script}, .descriptors = {}},
                                    {.output = pipe.writing.get(), .timeout = 200ms});
    ASSERT_TRUE(result);
    EXPECT_TRUE(std::holds_alternative<TimedOut>(result->ending));
    EXPECT_TRUE(result->undelivered == 7 || (script == "yes" && result->undelivered > 7));
    EXPECT_LT(Clock::now() - begin, 1500ms);
  }
  const auto begin = Clock::now();
  const auto result = run_process(
      "/bin/sh",
      {.words = {"sh", "-c", "printf 'seven b'; sleep 0.1; kill -TERM $PPID; exec sleep 60"}, .descriptors = {}},
      {.output = pipe.writing.get()});
  ASSERT_TRUE(result);
  EXPECT_TRUE(std::holds_alternative<Stopped>(result->ending));
  EXPECT_EQ(result->undelivered, 7U);
  EXPECT_LT(Clock::now() - begin, 1500ms);
}

TEST(Process, DeliversAfterTheTimeoutWhatItsReaderTakes) {
  const auto finished =
      shell("trap 'printf more; exit' TERM; printf started; while :; do sleep 0.05; done", {.timeout = 200ms});
  EXPECT_EQ(finished.output, "startedmore");
  EXPECT_EQ(finished.undelivered, 0U);
}

TEST(Process, HasNeitherCapabilitiesNorLeakedDescriptorsWhenItIsConfined) {
  const TemporaryDirectory directory;
  const auto path = directory.write("leaked", "");
  const Descriptor leaked{::open(path.c_str(), O_RDONLY)};
  const Descriptor high{::fcntl(leaked.get(), F_DUPFD, 500)};
  const auto named = directory.write("named", "named,");
  const auto finished =
      finish({.words = {"sh", "-c",
                        "cat /dev/fd/3; grep -E '^(Cap(Inh|Prm|Eff|Amb)|NoNewPrivs)' /proc/self/status; "
                        "ls -l /proc/self/fd | grep -c leaked"},
              .descriptors = {named}},
             {.is_confined = true});
  EXPECT_EQ(finished.output,
            "named,CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
            "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\n0\n");
}

TEST(Process, IsNotStartedWhereItCouldNotOpenItsFiles) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root has capabilities";
  const TemporaryDirectory directory;
  const auto path = directory.write("others", "");
  ASSERT_EQ(::chown(path.c_str(), 65534, 65534), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  const CommandLine line{.words = {"sh", "-c", "exit 3"}, .descriptors = {}, .files = {{.path = path}}};
  EXPECT_EQ(exit_code(finish(line)), 3);
  const auto confined = finish(line, {.is_confined = true});
  ASSERT_FALSE(confined.ending);
  EXPECT_EQ(confined.ending.error(), path +
                                         ": Permission denied; QEMU runs without capabilities, so let this user open "
                                         "the file, or use --sandbox none");
}

// Something else as standard input, while it is there.
class StandardInput {
 public:
  explicit StandardInput(int descriptor) : before_{::dup(STDIN_FILENO)} { ::dup2(descriptor, STDIN_FILENO); }
  StandardInput(const StandardInput&) = delete;
  auto operator=(const StandardInput&) -> StandardInput& = delete;
  ~StandardInput() { ::dup2(before_.get(), STDIN_FILENO); }

 private:
  Descriptor before_;
};

TEST(Process, GetsItsInputNotBeforeItIsToTakeIt) {
  const TemporaryDirectory directory;
  const auto path = directory.write("input", std::string(100'000, 'x'));
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  const StandardInput input{file.get()};
  bool has_begun = false;
  std::uint64_t size = 0;
  ProcessOptions options;
  options.on_output = [&has_begun](std::string_view text) {
    has_begun = has_begun || !text.empty();
    return std::string{text};
  };
  options.takes_input = [&has_begun] { return has_begun; };
  options.on_input_end = [&size](std::uint64_t all) { size = all; };
  const auto finished = shell("timeout 0.3 cat; echo ready; cat", options);
  ASSERT_EQ(finished.output.size(), 100'006U);
  EXPECT_TRUE(finished.output.starts_with("ready\nx"));
  EXPECT_EQ(size, 100'000U);
}

TEST(Process, WakesWhenItIsAskedTo) {
  int wakes = 0;
  ProcessOptions options;
  options.on_wake = [&wakes]() -> std::optional<Clock::time_point> {
    ++wakes;
    return Clock::now() + 20ms;
  };
  EXPECT_EQ(exit_code(shell("exec sleep 0.3", options)), 0);
  EXPECT_GE(wakes, 3);
}

}  // namespace
}  // namespace hermitage::qemu
