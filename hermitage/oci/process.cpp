#include "hermitage/oci/process.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <utility>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/base/file_io.hpp"

namespace hermitage::oci {
namespace {

constexpr std::size_t kMaxOutput = std::size_t{16} << 20;  // bytes

// The argument list of a program, which must outlive the result.
auto pointers_to(const std::string& program, const std::vector<std::string>& arguments) -> std::vector<char*> {
  std::vector<char*> pointers{const_cast<char*>(program.c_str())};
  for (const auto& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

auto status_of(pid_t child) -> std::optional<int> {
  constexpr int kSignalBase = 128;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return std::nullopt;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : kSignalBase + WTERMSIG(status);
}

auto spawn(const std::string& program, const std::vector<std::string>& arguments,
           const posix_spawn_file_actions_t* actions) -> std::optional<pid_t> {
  const auto pointers = pointers_to(program, arguments);
  pid_t child = 0;
  if (::posix_spawn(&child, program.c_str(), actions, nullptr, pointers.data(), environ) != 0) return std::nullopt;
  return child;
}

}  // namespace

auto become(const std::string& program, const std::vector<std::string>& arguments) -> int {
  ::execv(program.c_str(), pointers_to(program, arguments).data());
  return errno;
}

auto run(const std::string& program, const std::vector<std::string>& arguments) -> std::optional<int> {
  const auto child = spawn(program, arguments, nullptr);
  return child ? status_of(*child) : std::nullopt;
}

namespace {

struct Said {
  std::string text;
  int status = 0;
};

// Runs the program to its end. Returns what it has written to `stream`, standard output or standard error; the other
// one is discarded. `more` can add actions.
auto text_of(const std::string& program, const std::vector<std::string>& arguments, int stream,
             const std::function<void(posix_spawn_file_actions_t*)>& more) -> std::optional<Said> {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  const base::Descriptor reading{ends[0]};
  base::Descriptor writing{ends[1]};
  const int other = stream == STDOUT_FILENO ? STDERR_FILENO : STDOUT_FILENO;
  posix_spawn_file_actions_t actions{};
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, writing.get(), stream);
  ::posix_spawn_file_actions_addopen(&actions, other, "/dev/null", O_WRONLY, 0);
  if (more) more(&actions);
  const auto child = spawn(program, arguments, &actions);
  ::posix_spawn_file_actions_destroy(&actions);
  if (!child) return std::nullopt;
  {
    const auto closed = std::exchange(writing, base::Descriptor{});
  }
  const auto bytes = base::read_all(reading.get(), kMaxOutput);
  const auto status = status_of(*child);
  if (!bytes || !status) return std::nullopt;
  return Said{.text = {reinterpret_cast<const char*>(bytes->data()), bytes->size()}, .status = *status};
}

}  // namespace

auto output_of(const std::string& program, const std::vector<std::string>& arguments) -> std::optional<std::string> {
  auto said = text_of(program, arguments, STDOUT_FILENO, {});
  if (!said || said->status != 0) return std::nullopt;
  return std::move(said->text);
}

auto errors_of(const std::string& program, const std::vector<std::string>& arguments, int descriptor, int as)
    -> std::optional<Errors> {
  // A copy above the number: an action that keeps the number would keep FD_CLOEXEC, too.
  const base::Descriptor copy{::fcntl(descriptor, F_DUPFD_CLOEXEC, as + 1)};
  auto said = text_of(program, arguments, STDERR_FILENO, [&](posix_spawn_file_actions_t* actions) {
    ::posix_spawn_file_actions_adddup2(actions, copy.get(), as);
  });
  if (!said) return std::nullopt;
  return Errors{.text = std::move(said->text), .status = said->status};
}

}  // namespace hermitage::oci
