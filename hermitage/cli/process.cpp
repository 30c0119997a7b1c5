#include "hermitage/cli/process.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

namespace hermitage::cli {

namespace {

std::vector<int> closed_streams;

}  // namespace

void occupy_closed_streams() {
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(number, F_GETFD) >= 0 || errno != EBADF) continue;
    // This is the lowest free number, since the lower ones are open.
    if (::open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY) != number) return;
    closed_streams.push_back(number);
  }
}

void discard_closed_streams() {
  if (closed_streams.empty()) return;
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return;
  for (const int number : closed_streams) ::dup2(null, number);
  ::close(null);
}

auto process_start() -> std::chrono::steady_clock::time_point {
  static const auto start = std::chrono::steady_clock::now();
  return start;
}

auto named_descriptors(std::span<const std::string> words) -> std::vector<int> {
  std::vector<int> numbers;
  for (const std::string_view word : words) {
    for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
      for (auto at = word.find(folder); at != std::string_view::npos; at = word.find(folder, at + 1)) {
        int number = 0;
        const auto digits = word.substr(at + folder.size());
        const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
        const bool is_number = parsed.ec == std::errc{} && number > STDERR_FILENO;
        if (is_number && ::fcntl(number, F_GETFD) >= 0) numbers.push_back(number);
      }
    }
  }
  std::ranges::sort(numbers);
  const auto repeated = std::ranges::unique(numbers);
  numbers.erase(repeated.begin(), repeated.end());
  return numbers;
}

void close_inherited_descriptors(std::span<const int> kept) {
  unsigned first = STDERR_FILENO + 1;
  for (const int number : kept) {
    const auto next = static_cast<unsigned>(number);
    if (next > first) ::close_range(first, next - 1, 0);
    first = next + 1;
  }
  ::close_range(first, UINT_MAX, 0);
}

void close_descriptors(std::span<const int> numbers) {
  for (const int number : numbers) ::close(number);
}

void erase_environment() {
  for (auto** variable = environ; *variable != nullptr; ++variable) {
    ::explicit_bzero(*variable, std::strlen(*variable));
  }
  ::clearenv();
}

}  // namespace hermitage::cli
