#include "hermitage/vmm/files/mapping.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <expected>
#include <memory>
#include <ranges>
#include <string_view>

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "hermitage/vmm/files/private_directory.hpp"

namespace hermitage::vmm {
namespace {

constexpr int kOpenAttempts = 16;

auto unusable(int error_number) -> std::unexpected<Error> {
  return fail(ErrorCode::host_failed, std::strerror(error_number));
}

// As realpath(3). Fails with the system's error number.
auto resolved(const std::string& path) -> std::expected<std::string, int> {
  const std::unique_ptr<char, decltype(&std::free)> real{::realpath(path.c_str(), nullptr), &std::free};
  if (!real) return std::unexpected{errno};
  return std::string{real.get()};
}

// Whether a resolved path is the private directory of a monitor, or is in it.
auto is_private(std::string_view path) -> bool {
  return std::ranges::any_of(std::views::split(path, '/'),
                             [](auto component) { return is_private_name(std::string_view{component}); });
}

auto private_path() -> std::unexpected<Error> {
  return fail(ErrorCode::host_failed, "is in the private directory of a monitor, which cannot be mapped");
}

// Splits a path into a directory and a name in it.
auto split(const std::string& path) -> std::pair<std::string, std::string> {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {path.substr(0, std::max<std::size_t>(slash, 1)), path.substr(slash + 1)};
}

auto open_directory(const std::string& path) -> Result<Descriptor> {
  Descriptor directory{::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (!directory.is_open()) return unusable(errno);
  return directory;
}

// Opens a file that does not exist yet.
auto open_file_to_be(const std::string& host_path, bool is_read_only) -> Result<DirectoryOrFile> {
  const auto [parent, name] = split(host_path);
  const auto path = resolved(parent);
  if (!path) return unusable(path.error());
  if (name.empty()) return unusable(ENOENT);  // a slash at the end means a directory
  if (is_private(*path + "/" + name)) return private_path();
  auto directory = open_directory(*path);
  if (!directory) return std::unexpected{directory.error()};
  struct stat status{};
  if (::fstatat(directory->get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode)) {
    return fail(ErrorCode::host_failed, "is a dangling symbolic link");
  }
  return std::make_shared<HostFile>(std::move(*directory), name, Descriptor{}, is_read_only);
}

}  // namespace

auto open_beneath(int directory, const char* path, int flags, mode_t mode) -> FileResult<Descriptor> {
  flags |= O_CLOEXEC | O_NOFOLLOW;
  if ((flags & O_PATH) == 0) flags |= O_NOCTTY | O_NONBLOCK;
  open_how how{};
  how.flags = static_cast<unsigned>(flags);
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;  // openat2 rejects a mode that has no meaning
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  for (int attempt = 0;; ++attempt) {
    Descriptor opened{static_cast<int>(::syscall(SYS_openat2, directory, path, &how, sizeof how))};
    if (opened.is_open()) return opened;
    // EAGAIN: a file was renamed at the same time, so the kernel cannot tell whether this path is still below the
    // directory. Or a process has a lease on the file, which it can keep for a minute.
    const bool is_worth_another = errno == EINTR || (errno == EAGAIN && attempt < kOpenAttempts);
    if (!is_worth_another) return last_error();
  }
}

auto open_file_beneath(int directory, const char* path, int flags, mode_t mode) -> FileResult<Descriptor> {
  auto opened = open_beneath(directory, path, flags, mode);
  if (!opened) return opened;
  struct stat status{};
  if (::fstat(opened->get(), &status) != 0) return last_error();
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return fails(Errno::acces);
  // Regular files of procfs contain memory and secrets of processes, including this one. procfs has blocks of 1024
  // bytes. The type of other file systems is not requested, because a network file system can be slow to answer.
  constexpr blksize_t kProcfsBlockSize = 1024;
  if (status.st_blksize != kProcfsBlockSize) return opened;
  struct statfs file_system{};
  if (::fstatfs(opened->get(), &file_system) != 0) return last_error();
  if (file_system.f_type == PROC_SUPER_MAGIC) return fails(Errno::acces);
  return opened;
}

auto link_target(const Descriptor& link) -> FileResult<std::string> {
  std::array<char, PATH_MAX> target;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by readlinkat
  const auto size = ::readlinkat(link.get(), "", target.data(), target.size());
  if (size < 0) return last_error();
  return std::string{target.data(), static_cast<std::size_t>(size)};
}

auto Mapping::open_path() const -> isolation::OpenPath {
  using Access = isolation::OpenPath::Access;
  return {.descriptor = directory(), .access = is_read_only_ ? Access::read : Access::write};
}

auto open_mapping(const std::string& host_path, bool is_read_only) -> Result<DirectoryOrFile> {
  const auto path = resolved(host_path);
  if (!path && path.error() == ENOENT) return open_file_to_be(host_path, is_read_only);
  if (!path) return unusable(path.error());
  if (is_private(*path)) return private_path();
  Descriptor opened{::open(path->c_str(), O_PATH | O_CLOEXEC)};
  if (!opened.is_open()) return unusable(errno);
  struct stat status{};
  if (::fstat(opened.get(), &status) != 0) return unusable(errno);
  if (S_ISDIR(status.st_mode)) return std::make_shared<const Mapping>(std::move(opened), is_read_only);
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::host_failed, "is neither a file nor a directory");
  const auto [parent, name] = split(*path);
  auto directory = open_directory(parent);
  if (!directory) return std::unexpected{directory.error()};
  return std::make_shared<HostFile>(std::move(*directory), name, std::move(opened), is_read_only);
}

}  // namespace hermitage::vmm
