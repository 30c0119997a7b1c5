#include "hermitage/vmm/files/private_directory.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hermitage::vmm {
namespace {

constexpr std::string_view kPrefix = "hermitage-";
constexpr std::size_t kDigits = 16;
constexpr mode_t kMode = 0700;
constexpr int kOpenFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
// A process that sweeps can remove a directory that another process has just made and not locked yet.
constexpr int kMakeAttempts = 16;
// Reads of 32 KiB, each with a hundred names or more. This limits the time of a start.
constexpr int kSweepReads = 64;
// Beyond this number of directories in use, a sweep looks only at names with one first digit, a random one.
constexpr int kMostInUse = 32;

using NameBuffer = std::array<char, std::size_t{1} << 15>;

auto random_name() -> std::string {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number) return {};
  return fmt::format("{}{:016x}", kPrefix, number);
}

auto is_our_name(std::string_view name) -> bool {
  return name.size() == kPrefix.size() + kDigits && name.starts_with(kPrefix) &&
         name.find_first_not_of("0123456789abcdef", kPrefix.size()) == std::string_view::npos;
}

// Calls visit(name) for the names in a directory that one read returns. Returns false if there were none left.
template <class Visit>
auto visit_names(int directory, NameBuffer& buffer, const Visit& visit) -> bool {
  const auto size = ::getdents64(directory, buffer.data(), buffer.size());
  for (ssize_t at = 0; at < size;) {
    const auto* const entry = reinterpret_cast<const dirent64*>(buffer.data() + at);
    at += entry->d_reclen;
    const std::string_view name{entry->d_name};
    if (name != "." && name != "..") visit(entry->d_name);
  }
  return size > 0;
}

void remove_files(int directory) {
  NameBuffer buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by the kernel
  bool was_removed = true;
  // Repeat from the start until no file was removed: removing can move other names.
  while (was_removed) {
    was_removed = false;
    ::lseek(directory, 0, SEEK_SET);
    while (visit_names(directory, buffer, [&](const char* name) {
      if (::unlinkat(directory, name, 0) == 0) was_removed = true;
    })) {
    }
  }
}

auto lock(int directory) -> bool {
  return ::flock(directory, LOCK_EX | LOCK_NB) == 0;
}

// Whether a name still refers to the directory that was opened by it.
auto is_there(int parent, const char* name, int directory) -> bool {
  struct stat by_name{};
  struct stat opened{};
  return ::fstatat(parent, name, &by_name, AT_SYMLINK_NOFOLLOW) == 0 && ::fstat(directory, &opened) == 0 &&
         by_name.st_dev == opened.st_dev && by_name.st_ino == opened.st_ino;
}

// Returns whether the directory is none of ours, or in use.
auto sweep_one(int parent, const char* name) -> bool {
  const Descriptor directory{::openat(parent, name, kOpenFlags)};
  if (!directory.is_open()) return true;
  struct stat status{};
  if (::fstat(directory.get(), &status) != 0) return true;
  // In a directory with the set-group-ID bit, a new directory has that bit, too. So compare only the permissions.
  if (status.st_uid != ::geteuid() || (status.st_mode & ACCESSPERMS) != kMode || !lock(directory.get())) return true;
  remove_files(directory.get());
  ::unlinkat(parent, name, AT_REMOVEDIR);
  return false;
}

void sweep(int parent, char first_digit) {
  NameBuffer buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by the kernel
  int in_use = 0;
  const auto visit = [&](const char* name) {
    if (!is_our_name(name) || (in_use >= kMostInUse && name[kPrefix.size()] != first_digit)) return;
    if (sweep_one(parent, name)) ++in_use;
  };
  for (int reads = 0; reads < kSweepReads; ++reads) {
    if (!visit_names(parent, buffer, visit)) return;
  }
}

// Opens the parent as a descriptor that can create and remove names, but cannot list them. A guest that has taken
// control of the monitor cannot misuse it for listing.
auto open_swept(const std::string& path, char first_digit) -> Descriptor {
  Descriptor parent{::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (!parent.is_open()) return parent;
  // If the directory cannot be listed, nothing is swept.
  const Descriptor listed{::openat(parent.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (listed.is_open()) sweep(listed.get(), first_digit);
  return parent;
}

}  // namespace

auto is_private_name(std::string_view name) noexcept -> bool {
  if (name.size() != kPrefix.size() + kDigits) return false;
  return ::strncasecmp(name.data(), kPrefix.data(), kPrefix.size()) == 0 &&
         name.find_first_not_of("0123456789abcdefABCDEF", kPrefix.size()) == std::string_view::npos;
}

auto PrivateDirectory::make(const std::string& parent) -> std::expected<PrivateDirectory, int> {
  auto name = random_name();
  if (name.empty()) return std::unexpected{errno};
  auto opened = open_swept(parent, name[kPrefix.size()]);
  if (!opened.is_open()) return std::unexpected{errno};
  for (int attempt = 0; attempt < kMakeAttempts; ++attempt) {
    if (attempt > 0) name = random_name();
    if (::mkdirat(opened.get(), name.c_str(), kMode) != 0) {
      if (errno == EEXIST) continue;
      return std::unexpected{errno};
    }
    Descriptor directory{::openat(opened.get(), name.c_str(), kOpenFlags)};
    if (!directory.is_open() && errno != ENOENT) {
      const int error = errno;
      ::unlinkat(opened.get(), name.c_str(), AT_REMOVEDIR);
      return std::unexpected{error};
    }
    // On a file system without locks, no process sweeps.
    if (!directory.is_open() || (!lock(directory.get()) && errno == EWOULDBLOCK)) continue;
    if (!is_there(opened.get(), name.c_str(), directory.get())) continue;
    return PrivateDirectory{std::move(opened), std::move(name), std::move(directory)};
  }
  return std::unexpected{EAGAIN};
}

PrivateDirectory::~PrivateDirectory() {
  if (!directory_.is_open()) return;
  remove_files(directory_.get());
  ::unlinkat(parent_.get(), name_.c_str(), AT_REMOVEDIR);
}

}  // namespace hermitage::vmm
