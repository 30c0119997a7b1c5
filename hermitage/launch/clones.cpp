#include "hermitage/launch/clones.hpp"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hermitage/base/descriptor.hpp"

namespace hermitage::launch {
namespace {

auto is_new(const std::string& mark) -> bool {
  return base::Descriptor{::open(mark.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)}.is_open();
}

}  // namespace

auto noted_starts() -> std::string {
  const auto user = ::geteuid();
  return user == 0 ? "/run/hermitage" : fmt::format("/run/user/{}/hermitage", user);
}

auto note_start(const std::string& directory, int snapshot) -> bool {
  struct stat status{};
  if (::fstat(snapshot, &status) != 0) return false;
  // Another file can get the inode of a deleted snapshot, but not its modification time, too.
  const auto& modified = status.st_mtim;
  const auto mark = fmt::format("{}/snapshot-{:x}-{:x}-{:x}-{:x}", directory, status.st_dev, status.st_ino,
                                modified.tv_sec, modified.tv_nsec);
  if (is_new(mark)) return false;
  if (errno != ENOENT) return errno == EEXIST;
  ::mkdir(directory.c_str(), 0700);
  return !is_new(mark) && errno == EEXIST;
}

}  // namespace hermitage::launch
