#include "hermitage/cli/output.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "hermitage/base/file_io.hpp"
#include "hermitage/base/reader_limit.hpp"
#include "hermitage/inspect/quantities.hpp"

namespace hermitage::cli {
namespace {

using Result = std::expected<void, std::string>;

auto system_error() -> std::unexpected<std::string> {
  return std::unexpected{std::string{std::strerror(errno)}};
}

auto write_all(int descriptor, std::span<const std::byte> bytes) -> Result {
  const auto written = base::write_all(descriptor, bytes);
  if (!written) return std::unexpected{std::string{std::strerror(written.error())}};
  return {};
}

constexpr std::chrono::milliseconds kErrorGrace{100};
base::ReaderLimit reader_of_errors;

}  // namespace

auto print(std::string_view text) -> Result {
  return write_all(STDOUT_FILENO, std::as_bytes(std::span{text}));
}

auto write_file(const std::string& path, std::span<const std::byte> bytes) -> Result {
  if (path == "-") return write_all(STDOUT_FILENO, bytes);
  constexpr mode_t kMode = 0666;
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kMode);
  if (descriptor < 0) return system_error();
  auto result = write_all(descriptor, bytes);
  // Some file systems report a full disk only here.
  if (::close(descriptor) != 0 && result) result = system_error();
  return result;
}

auto write_file(const std::string& path, std::string_view text) -> Result {
  return write_file(path, std::as_bytes(std::span{text}));
}

auto LateFile::open(const std::string& path) -> std::expected<LateFile, std::string> {
  if (path == "-") return LateFile{STDOUT_FILENO};
  constexpr mode_t kMode = 0666;
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, kMode);
  if (descriptor < 0) return std::unexpected{std::string{std::strerror(errno)}};
  return LateFile{descriptor};
}

LateFile::~LateFile() {
  if (descriptor_ > STDERR_FILENO) ::close(descriptor_);
}

auto LateFile::write(std::string_view text) -> Result {
  // Pipes and devices cannot be truncated.
  const bool is_file = descriptor_ > STDERR_FILENO;
  if (is_file && ::ftruncate(descriptor_, 0) != 0 && errno != EINVAL) return system_error();
  auto result = write_all(descriptor_, std::as_bytes(std::span{text}));
  // Some file systems report a full disk only here.
  if (is_file && ::close(std::exchange(descriptor_, -1)) != 0 && result) result = system_error();
  return result;
}

void print_error(std::string_view text) {
  while (!text.empty() && reader_of_errors.wait(STDERR_FILENO)) {
    const auto written = ::write(STDERR_FILENO, text.data(), std::min<std::size_t>(text.size(), base::kWriteSize));
    if (written < 0 && errno != EINTR && errno != EAGAIN) return;  // the error cannot be reported anywhere
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void hurry_errors() noexcept {
  reader_of_errors.set(kErrorGrace);
}

void complain(std::string_view subject, std::string_view message) {
  const auto text = inspect::printable(message);
  print_error(subject.empty() ? fmt::format("hermitage: {}\n", text)
                              : fmt::format("hermitage: {}: {}\n", inspect::printable(subject), text));
}

void warn(std::string_view line) {
  complain("warning", line);
}

void complain_of(std::string_view file, std::string_view problem) {
  complain(file, fmt::format("cannot be loaded: {}", problem));
}

}  // namespace hermitage::cli
