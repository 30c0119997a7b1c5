#include "hermitage/vmm/files/host_file.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "hermitage/vmm/files/mapping.hpp"

namespace hermitage::vmm {
namespace {

// The number of attempts to find a file that a process on the host creates and removes.
constexpr int kFindAttempts = 16;

auto status_of(const Descriptor& opened) -> FileResult<struct stat> {
  struct stat status{};
  if (::fstat(opened.get(), &status) != 0) return last_error();
  return status;
}

auto is_same(const struct stat& one, const struct stat& other) -> bool {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

auto stale() -> std::unexpected<Errno> {
  return fails(guest_errno(ESTALE));
}

constexpr auto can_write(int flags) -> bool {
  return (flags & O_ACCMODE) != O_RDONLY;
}

}  // namespace

auto HostFile::status() -> FileResult<struct stat> {
  const std::scoped_lock lock{mutex_};
  return find();
}

auto HostFile::open(int flags, mode_t mode) -> FileResult<Descriptor> {
  const std::scoped_lock lock{mutex_};
  const bool creates = (flags & O_CREAT) != 0;
  for (int attempt = 0; attempt < kFindAttempts; ++attempt) {
    const auto found = find();
    if (found && creates && (flags & O_EXCL) != 0) return fails(Errno::exist);
    if (found) return open_found(flags & ~(O_CREAT | O_EXCL));
    if (found.error() != Errno::noent || !creates) return fails(found.error());
    if (is_read_only_) return fails(Errno::rofs);
    auto made = make(flags, mode);
    if (made || made.error() != Errno::exist) return made;
  }
  return stale();
}

auto HostFile::unlink() -> FileResult<void> {
  const std::scoped_lock lock{mutex_};
  if (const auto found = find(); !found) return fails(found.error());
  if (is_read_only_) return fails(Errno::rofs);
  // If a process on the host replaces the file at this moment, the new file is removed: the name belongs to the guest.
  if (::unlinkat(directory_.get(), name_.c_str(), 0) != 0) return last_error();
  file_ = Descriptor{};
  return {};
}

auto HostFile::open_paths() const -> std::vector<isolation::OpenPath> {
  using Access = isolation::OpenPath::Access;
  if (is_read_only_) {
    if (!file_.is_open()) return {};
    return {{.descriptor = file_.get(), .access = Access::read}};
  }
  if (!file_.is_open()) return {{.descriptor = directory_.get(), .access = Access::make_files}};
  return {{.descriptor = file_.get(), .access = Access::write},
          {.descriptor = directory_.get(), .access = Access::remove_files}};
}

auto HostFile::find() -> FileResult<struct stat> {
  auto by_name = open_beneath(directory_.get(), name_.c_str(), O_PATH);
  if (!by_name) return fails(by_name.error());
  const auto status = status_of(*by_name);
  if (!status) return status;
  if (file_.is_open()) {
    const auto known = status_of(file_);
    if (!known) return known;
    if (!is_same(*status, *known)) return stale();
    return status;
  }
  if (is_read_only_) return fails(Errno::noent);  // isolation enforces this, too
  if (!S_ISREG(status->st_mode)) return fails(Errno::acces);
  file_ = std::move(*by_name);
  return status;
}

auto HostFile::make(int flags, mode_t mode) -> FileResult<Descriptor> {
  auto made = open_beneath(directory_.get(), name_.c_str(), flags | O_CREAT | O_EXCL, mode);
  if (!made) return made;
  file_ = Descriptor{};  // the old file has no name any more
  const auto found = find();
  const auto status = status_of(*made);
  if (!found || !status || !is_same(*found, *status)) return stale();
  return made;
}

// Truncates only after the file is identified.
auto HostFile::open_found(int flags) -> FileResult<Descriptor> {
  const bool truncates = (flags & O_TRUNC) != 0;
  if (is_read_only_ && (can_write(flags) || truncates)) return fails(Errno::rofs);
  auto opened = open_same(flags & ~O_TRUNC);
  if (!opened || !truncates) return opened;
  // Linux also truncates files that are opened for reading. Here, another descriptor does this.
  const auto writable = can_write(flags) ? FileResult<Descriptor>{} : open_same(O_WRONLY);
  if (!writable) return fails(writable.error());
  if (::ftruncate(can_write(flags) ? opened->get() : writable->get(), 0) != 0) return last_error();
  return opened;
}

auto HostFile::open_same(int flags) -> FileResult<Descriptor> {
  auto opened = open_beneath(directory_.get(), name_.c_str(), flags);
  if (!opened) return opened;
  const auto status = status_of(*opened);
  const auto known = status_of(file_);
  if (!status || !known || !is_same(*status, *known)) return stale();
  return opened;
}

}  // namespace hermitage::vmm
