#include "hermitage/cli/process.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hermitage::cli {
namespace {

// The exit status of `work`, which runs in a process of its own.
auto in_a_process(const std::function<int()>& work) -> int {
  const auto child = ::fork();
  if (child == 0) ::_exit(work());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

auto is_open(int number) -> bool {
  return ::fcntl(number, F_GETFD) >= 0;
}

auto is_null_device(int number) -> bool {
  struct stat opened{};
  struct stat null{};
  return ::fstat(number, &opened) == 0 && ::stat("/dev/null", &null) == 0 && opened.st_rdev == null.st_rdev;
}

TEST(Process, GivesNoFileTheNumberOfAStreamThatIsClosed) {
  for (int closed = 1; closed < 8; ++closed) {
    EXPECT_EQ(in_a_process([closed] {
                const auto is_closed = [closed](int number) { return (closed >> number & 1) != 0; };
                for (int number = 0; number < 3; ++number) {
                  if (is_closed(number)) ::close(number);
                }
                occupy_closed_streams();
                if (::open("/dev/zero", O_RDONLY) < 3) return 1;
                char byte = 0;
                if (is_closed(0) && (::read(0, &byte, 1) >= 0 || errno != EBADF)) return 2;
                for (const int number : {1, 2}) {
                  if (is_closed(number) && (::write(number, &byte, 1) >= 0 || errno != EBADF)) return 3;
                }
                discard_closed_streams();
                if (is_closed(0) && ::read(0, &byte, 1) != 0) return 4;
                for (int number = 0; number < 3; ++number) {
                  if (!is_open(number) || (is_closed(number) && !is_null_device(number))) return 5;
                }
                return is_closed(1) && ::write(1, &byte, 1) != 1 ? 6 : 0;
              }),
              0)
        << closed;
  }
}

TEST(Process, FindsTheDescriptorsThatAreNamed) {
  EXPECT_EQ(in_a_process([] {
              for (const int number : {54, 59}) {
                if (::dup2(STDERR_FILENO, number) < 0) return 1;
              }
              ::close(57);
              const std::array<std::string, 6> words{
                  "--output", "/dev/fd/59", "image", "/proc/self/fd/54:/guest", "/dev/fd/1", "--stats-file=/dev/fd/59"};
              if (named_descriptors(words) != std::vector<int>{54, 59}) return 2;
              // Words that name none, or one that is not open: its number may become one of ours.
              const std::array<std::string, 5> none{"/dev/fd/", "/dev/fd/x", "/dev/fd/99999999999", "fd/54",
                                                    "/dev/fd/57"};
              return named_descriptors(none).empty() ? 0 : 3;
            }),
            0);
}

TEST(Process, ClosesWhatItInherited) {
  EXPECT_EQ(in_a_process([] {
              for (const int number : {3, 5, 6, 7, 200}) {
                if (::dup2(STDERR_FILENO, number) < 0) return 1;
              }
              close_inherited_descriptors(std::array{5, 7});
              for (const int number : {0, 1, 2, 5, 7}) {
                if (!is_open(number)) return 2;
              }
              for (const int number : {3, 4, 6, 8, 200}) {
                if (is_open(number)) return 3;
              }
              close_descriptors(std::array{5, 7});
              return is_open(5) || is_open(7) ? 4 : 0;
            }),
            0);
}

TEST(Process, ErasesItsEnvironment) {
  EXPECT_EQ(in_a_process([] {
              char secret[] = "SECRET=value";
              ::putenv(secret);
              erase_environment();
              for (const char character : secret) {
                if (character != '\0') return 1;
              }
              return std::getenv("SECRET") == nullptr && std::getenv("PATH") == nullptr ? 0 : 2;
            }),
            0);
}

}  // namespace
}  // namespace hermitage::cli
