#include "hermitage/base/file_io.hpp"

#include <cerrno>

#include <sys/stat.h>
#include <unistd.h>

namespace hermitage::base {

auto write_all(int descriptor, std::span<const std::byte> bytes) noexcept -> std::expected<void, int> {
  while (!bytes.empty()) {
    const auto written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected{errno};
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

auto read_full(int descriptor, std::span<std::byte> buffer) noexcept -> std::expected<std::size_t, int> {
  std::size_t count = 0;
  while (count < buffer.size()) {
    const auto got = ::read(descriptor, buffer.data() + count, buffer.size() - count);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected{errno};
    if (got == 0) break;
    count += static_cast<std::size_t>(got);
  }
  return count;
}

auto read_all(int descriptor, std::size_t most) -> std::expected<std::vector<std::byte>, int> {
  struct stat status{};
  if (::fstat(descriptor, &status) != 0) return std::unexpected{errno};
  // A pipe has no size, and the size of a file may change, so read until the end.
  constexpr std::size_t kFirstGuess = 65536;
  const auto size = S_ISREG(status.st_mode) ? static_cast<std::size_t>(status.st_size) : kFirstGuess;
  if (S_ISREG(status.st_mode) && size > most) return std::unexpected{EFBIG};
  std::vector<std::byte> bytes(size + 1);
  std::size_t count = 0;
  for (;;) {
    const auto got = ::read(descriptor, bytes.data() + count, bytes.size() - count);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected{errno};
    if (got == 0) break;
    count += static_cast<std::size_t>(got);
    if (count > most) return std::unexpected{EFBIG};
    if (count == bytes.size()) bytes.resize(bytes.size() * 2);
  }
  bytes.resize(count);
  return bytes;
}

}  // namespace hermitage::base
