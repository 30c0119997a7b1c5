#include "hermitage/launch/snapshot_file.hpp"

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hermitage::launch {
namespace {

using base::Descriptor;

constexpr mode_t kMode = 0600;

// The answer of the helper: the call that failed, and its error number, which is 0 after success.
enum class Call : int { fsync, linkat, renameat };
struct Answer {
  Call call = Call::fsync;
  int error_number = 0;
};

auto name_of(Call call) -> const char* {
  switch (call) {
    case Call::fsync: return "fsync";
    case Call::linkat: return "linkat";
    case Call::renameat: return "renameat";
  }
  return "";
}

// All that the helper needs. It is complete before the helper starts, which must not allocate memory.
struct Work {
  int socket = -1;
  int directory = -1;
  int file = -1;
  std::string source = {};     // /proc/self/fd/N, of a file without a name
  std::string temporary = {};  // in the directory
  std::string name = {};       // in the directory
  bool has_name = false;       // the file has its temporary name already
};

auto publish(const Work& work) noexcept -> Answer {
  if (::fsync(work.file) != 0) return {.call = Call::fsync, .error_number = errno};
  if (!work.has_name &&
      ::linkat(AT_FDCWD, work.source.c_str(), work.directory, work.temporary.c_str(), AT_SYMLINK_FOLLOW) != 0) {
    return {.call = Call::linkat, .error_number = errno};
  }
  if (::renameat(work.directory, work.temporary.c_str(), work.directory, work.name.c_str()) != 0) {
    const Answer answer{.call = Call::renameat, .error_number = errno};
    ::unlinkat(work.directory, work.temporary.c_str(), 0);
    return answer;
  }
  return {};
}

[[noreturn]] void help(const Work& work) noexcept {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR2, SIGPIPE}) ::signal(signal, SIG_IGN);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(stream);
  char request = 0;
  ssize_t got = 0;
  do {
    got = ::read(work.socket, &request, 1);
  } while (got < 0 && errno == EINTR);
  if (got == 1) {
    const auto answer = publish(work);
    [[maybe_unused]] const auto put = ::write(work.socket, &answer, sizeof answer);
  } else if (work.has_name) {
    ::unlinkat(work.directory, work.temporary.c_str(), 0);
  }
  ::_exit(0);
}

// Starts the helper as a child of a child that has ended, so that no process needs to wait for it.
auto start_helper(const Work& work, const Descriptor& own_end) -> OrFileError<void> {
  const auto child = ::fork();
  if (child < 0) return call_failed("fork", errno);
  if (child == 0) {
    const auto helper = ::fork();
    if (helper != 0) ::_exit(helper < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
    ::close(own_end.get());
    help(work);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) return call_failed("fork of the helper process", EAGAIN);
  return {};
}

// Random, because another process, even one with the same number in another container, can save a file of this name.
auto temporary_name(const std::string& name) -> std::expected<std::string, int> {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number) return std::unexpected{errno};
  return fmt::format(".{}.{:016x}", name.substr(0, NAME_MAX / 2), number);
}

}  // namespace

auto SnapshotFile::create(const std::string& path) -> OrFileError<SnapshotFile> {
  const std::filesystem::path target{path};
  const auto parent = target.parent_path().empty() ? std::filesystem::path{"."} : target.parent_path();
  Work work{.name = target.filename()};
  if (work.name.empty() || work.name == "." || work.name == "..") {
    return refused("is not the name of a file");
  }
  const Descriptor directory{::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!directory.is_open()) return call_failed("open of its directory", errno);
  auto temporary = temporary_name(work.name);
  if (!temporary) return call_failed("getrandom", temporary.error());
  work.temporary = *std::move(temporary);
  Descriptor file{::openat(directory.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, kMode)};
  if (!file.is_open() && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
    constexpr int kFlags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    file = Descriptor{::openat(directory.get(), work.temporary.c_str(), kFlags, kMode)};
    work.has_name = file.is_open();
  }
  if (!file.is_open()) return call_failed("open", errno);
  std::array sockets{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) != 0)
    return call_failed("socketpair", errno);
  Descriptor own_end{sockets[0]};
  const Descriptor helpers_end{sockets[1]};
  work.socket = helpers_end.get();
  work.directory = directory.get();
  work.file = file.get();
  work.source = fmt::format("/proc/self/fd/{}", work.file);
  if (auto started = start_helper(work, own_end); !started) return std::unexpected{started.error()};
  return SnapshotFile{std::move(file), std::move(own_end)};
}

auto SnapshotFile::publish() const -> OrFileError<void> {
  const char request = 1;
  if (::write(helper_.get(), &request, 1) != 1) return call_failed("write to the helper process", errno);
  Answer answer;
  ssize_t got = 0;
  do {
    got = ::read(helper_.get(), &answer, sizeof answer);
  } while (got < 0 && errno == EINTR);
  if (got != sizeof answer) {
    return std::unexpected{
        FileError{.code = FileError::Code::system_call, .call = "read", .text = "the helper process has ended"}};
  }
  if (answer.error_number != 0) return call_failed(name_of(answer.call), answer.error_number);
  return {};
}

}  // namespace hermitage::launch
