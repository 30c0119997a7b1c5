#include "hermitage/oci/root_file_system.hpp"

#include <cerrno>
#include <cstring>
#include <span>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hermitage/base/file_io.hpp"

namespace hermitage::oci {
namespace {

constexpr int kAttempts = 16;

// Resolves a path as if the directory were the root.
auto open_in_root(int root, const std::string& path) -> base::Descriptor {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    base::Descriptor file{static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how))};
    // EAGAIN: a file was renamed at the same time, so the kernel cannot tell whether the path stays in the root.
    if (file.is_open() || (errno != EAGAIN && errno != EINTR)) return file;
  }
  return {};
}

}  // namespace

auto RootFileSystem::open(const std::string& path) -> std::expected<RootFileSystem, std::string> {
  base::Descriptor directory{::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (!directory.is_open()) return std::unexpected{fmt::format("open {}: {}", path, std::strerror(errno))};
  return RootFileSystem{std::move(directory)};
}

auto RootFileSystem::read(const std::string& path, std::size_t most) const -> std::optional<std::string> {
  if (path.find('\0') != std::string::npos) return std::nullopt;
  const auto found = open_in_root(directory_.get(), path);
  struct stat status{};
  if (!found.is_open() || ::fstat(found.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  const auto link = fmt::format("/proc/self/fd/{}", found.get());
  const base::Descriptor file{::open(link.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  if (!file.is_open()) return std::nullopt;
  std::string text(most, '\0');
  const auto size = base::read_full(file.get(), std::as_writable_bytes(std::span{text}));
  if (!size) return std::nullopt;
  text.resize(*size);
  return text;
}

}  // namespace hermitage::oci
