// A pipe in the place of standard input.
#pragma once

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace hermitage::testing {

// For as long as this lives, standard input has what put() has written. Throws std::system_error.
class InputPipe {
 public:
  InputPipe() : before_{::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, kFirst)} {
    std::array<int, 2> ends{};
    check(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
    // Standard input may be closed, and an end of the pipe in its place.
    const int reader = moved(ends[0]);
    writer_ = moved(ends[1]);
    check(::dup2(reader, STDIN_FILENO), "dup2");
    ::close(reader);
  }
  // What is put, and then the end.
  explicit InputPipe(std::string_view content) : InputPipe{} {
    put(content);
    close();
  }
  InputPipe(const InputPipe&) = delete;
  auto operator=(const InputPipe&) -> InputPipe& = delete;
  ~InputPipe() {
    close();
    if (before_ < 0) {
      ::close(STDIN_FILENO);
      return;
    }
    ::dup2(before_, STDIN_FILENO);
    ::close(before_);
  }

  // At most as much as a pipe holds.
  void put(std::string_view text) const {
    const auto written = ::write(writer_, text.data(), text.size());
    if (written != static_cast<ssize_t>(text.size())) throw std::system_error{errno, std::generic_category(), "write"};
  }
  void close() {
    if (writer_ >= 0) ::close(writer_);
    writer_ = -1;
  }
  // Bytes that nobody has read yet.
  [[nodiscard]] static auto unread() -> int {
    int count = 0;
    check(::ioctl(STDIN_FILENO, FIONREAD, &count), "FIONREAD");
    return count;
  }

 private:
  static constexpr int kFirst = 3;  // behind the standard streams

  static void check(int result, const char* call) {
    if (result < 0) throw std::system_error{errno, std::generic_category(), call};
  }
  static auto moved(int descriptor) -> int {
    const int other = ::fcntl(descriptor, F_DUPFD_CLOEXEC, kFirst);
    check(other, "F_DUPFD_CLOEXEC");
    ::close(descriptor);
    return other;
  }

  int before_;  // -1 where there was none
  int writer_ = -1;
};

}  // namespace hermitage::testing
