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
  const auto found = find(path);
  struct stat status{};
  if (!found || ::fstat(found->get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  const auto link = fmt::format("/proc/self/fd/{}", found->get());
  const base::Descriptor file{::open(link.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  if (!file.is_open()) return std::nullopt;
  std::string text(most, '\0');
  const auto size = base::read_full(file.get(), std::as_writable_bytes(std::span{text}));
  if (!size) return std::nullopt;
  text.resize(*size);
  return text;
}

auto RootFileSystem::find(const std::string& path) const -> std::optional<base::Descriptor> {
  if (path.find('\0') != std::string::npos) return std::nullopt;
  auto found = open_in_root(directory_.get(), path);
  if (!found.is_open()) return std::nullopt;
  return found;
}

auto RootFileSystem::create(const std::string& path) const -> std::expected<NewFile, std::string> {
  constexpr int kFlags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const auto slash = path.rfind('/');
  auto name = slash == std::string::npos ? path : path.substr(slash + 1);
  auto directory = find(slash == std::string::npos ? "." : path.substr(0, slash + 1));
  if (!directory) return std::unexpected{fmt::format("{}: its directory does not exist", path)};
  base::Descriptor file{::openat(directory->get(), name.c_str(), kFlags, 0600)};
  if (!file.is_open()) return std::unexpected{fmt::format("open {}: {}", path, std::strerror(errno))};
  return NewFile{*std::move(directory), std::move(name), std::move(file)};
}

void NewFile::remove() const {
  ::unlinkat(directory_.get(), name_.c_str(), 0);
}

}  // namespace hermitage::oci
