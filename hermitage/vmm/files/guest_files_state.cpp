#include "hermitage/vmm/files/guest_files_state.hpp"

#include <array>
#include <tuple>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hermitage/vmm/files/file_attributes.hpp"

namespace hermitage::vmm {
namespace {

namespace uhyve = entry::uhyve;
using uhyve::v2::FileAttr;

// The guest's flags have separate numbers, so they mean the same on every host.
auto host_flags(std::int32_t flags) -> int {
  constexpr std::array<std::pair<std::int32_t, int>, 6> kFlags{{{uhyve::kOpenWriteOnly, O_WRONLY},
                                                                {uhyve::kOpenReadWrite, O_RDWR},
                                                                {uhyve::kOpenCreate, O_CREAT},
                                                                {uhyve::kOpenExclusive, O_EXCL},
                                                                {uhyve::kOpenTruncate, O_TRUNC},
                                                                {uhyve::kOpenAppend, O_APPEND}}};
  int result = 0;
  for (const auto& [guest, host] : kFlags) {
    if ((flags & guest) != 0) result |= host;
  }
  return result;
}

constexpr auto writes(std::int32_t flags) -> bool {
  return (flags & (uhyve::kOpenWriteOnly | uhyve::kOpenReadWrite | uhyve::kOpenTruncate)) != 0;
}

// Whether the guest can create the name of a place below a mapping.
auto check_making(const Place& place) -> FileResult<void> {
  if (place.is_read_only()) return fails(Errno::rofs);
  if (is_private_name(place.name)) return fails(Errno::acces);
  return {};
}

}  // namespace

auto GuestFiles::State::private_directory() -> FileResult<int> {
  std::call_once(private_directory_is_made_,
                 [this] { private_directory_ = PrivateDirectory::make(options_.temporary_parent); });
  if (!*private_directory_) return fails(guest_errno(private_directory_->error()));
  return (*private_directory_)->descriptor();
}

auto GuestFiles::State::open_paths() -> std::vector<isolation::OpenPath> {
  auto paths = mapped_;
  if (!private_directory()) return paths;
  paths.push_back({.descriptor = (*private_directory_)->descriptor(), .access = isolation::OpenPath::Access::write});
  paths.push_back({.descriptor = (*private_directory_)->parent(), .access = isolation::OpenPath::Access::clean_up});
  return paths;
}

auto GuestFiles::State::cache_flags() const -> int {
  return (options_.bypasses_cache ? O_DIRECT : 0) | (options_.is_synchronous ? O_SYNC : 0);
}

auto GuestFiles::State::temporary_flags(std::int32_t flags) const -> int {
  return host_flags(flags & ~(uhyve::kOpenAppend | uhyve::kOpenCreate | uhyve::kOpenExclusive)) | cache_flags();
}

auto GuestFiles::State::make_temporary_file(std::int32_t flags)
    -> FileResult<std::pair<std::shared_ptr<TemporaryFile>, Descriptor>> {
  const auto directory = private_directory();
  if (!directory) return fails(directory.error());
  auto file = std::make_shared<TemporaryFile>(fmt::format("{}", ++temporary_file_count_), room_);
  auto opened = file->open(*directory, temporary_flags(flags) | O_CREAT | O_EXCL);
  if (!opened) return fails(opened.error());
  return std::pair{std::move(file), std::move(*opened)};
}

auto GuestFiles::State::open_temporary_file(TemporaryFile& file, std::int32_t flags) -> FileResult<Descriptor> {
  return file.open((*private_directory_)->descriptor(), temporary_flags(flags));
}

auto GuestFiles::State::remove_temporary_file(const TemporaryFile& file) -> FileResult<void> {
  if (::unlinkat((*private_directory_)->descriptor(), file.name().c_str(), 0) != 0) return last_error();
  return {};
}

auto GuestFiles::State::attributes(const std::shared_ptr<Node>& node) -> FileResult<FileAttr> {
  struct stat status{};
  if (const auto* const file = temporary_file_of(node)) {
    const int directory = (*private_directory_)->descriptor();
    if (::fstatat(directory, file->name().c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return last_error();
    return attributes_of(*node, status);
  }
  if (auto* const file = host_file_of(node)) {
    const auto found = file->status();
    if (!found) return fails(found.error());
    return attributes_of(*found);
  }
  return attributes_of(*node);
}

auto GuestFiles::State::open(std::string_view path, std::int32_t flags, mode_t mode) -> FileResult<Opened> {
  // With O_CREAT and O_EXCL, do not follow a link at the end of the path.
  const bool is_new = (flags & uhyve::kOpenCreate) != 0 && (flags & uhyve::kOpenExclusive) != 0;
  return at(path, !is_new, [&](const Place& place) { return open(place, flags, mode); });
}

auto GuestFiles::State::open(const Place& place, std::int32_t flags, mode_t mode) -> FileResult<Opened> {
  if (auto* const file = host_file_of(place.node)) return open_host_file(*file, flags, mode);
  const bool creates = (flags & uhyve::kOpenCreate) != 0;
  if (place.kind == Place::Kind::nothing && !creates) return fails(Errno::noent);
  if (place.kind != Place::Kind::nothing && creates && (flags & uhyve::kOpenExclusive) != 0) {
    return fails(Errno::exist);
  }
  if (place.kind == Place::Kind::directory) {
    if (writes(flags) || creates) return fails(Errno::isdir);
    return open_directory(place);
  }
  if (place.kind == Place::Kind::other && (flags & uhyve::kOpenDirectory) != 0) return fails(Errno::notdir);
  if (place.node) return open_node(place.node, flags);
  if (place.position.mapping) {
    if (place.kind == Place::Kind::nothing) {
      if (const auto checked = check_making(place); !checked) return fails(checked.error());
    }
    if (place.status && !S_ISREG(place.status->st_mode)) return fails(Errno::acces);
    return open_on_host(place.host_directory(), place.name, place.is_read_only(), flags, mode);
  }
  return make_file(place, flags);
}

auto GuestFiles::State::open_directory(const Place& place) -> FileResult<Opened> {
  Opened file{.node = place.position.node, .is_directory = true};
  if (const int directory = place.host_directory(); directory >= 0) {
    auto opened = open_beneath(directory, ".", O_RDONLY | O_DIRECTORY);
    if (!opened) return fails(opened.error());
    file.host = std::move(*opened);
  }
  return file;
}

auto GuestFiles::State::open_on_host(int directory, const std::string& name, bool is_read_only, std::int32_t flags,
                                     mode_t mode) -> FileResult<Opened> {
  if (is_read_only && writes(flags)) return fails(Errno::rofs);
  if (is_read_only) flags &= ~uhyve::kOpenCreate;  // the file exists
  auto opened = open_file_beneath(directory, name.c_str(), host_flags(flags) | cache_flags(), mode);
  if (!opened) return fails(opened.error());
  return Opened{.host = std::move(*opened)};
}

auto GuestFiles::State::open_host_file(HostFile& file, std::int32_t flags, mode_t mode) -> FileResult<Opened> {
  if ((flags & uhyve::kOpenDirectory) != 0) {
    const auto found = file.status();
    return fails(found ? Errno::notdir : found.error());
  }
  auto opened = file.open(host_flags(flags) | cache_flags(), mode);
  if (!opened) return fails(opened.error());
  return Opened{.host = std::move(*opened)};
}

auto GuestFiles::State::open_node(const std::shared_ptr<Node>& node, std::int32_t flags) -> FileResult<Opened> {
  if (auto* const file = temporary_file_of(node)) {
    auto opened = open_temporary_file(*file, flags);
    if (!opened) return fails(opened.error());
    return Opened{.node = node, .host = std::move(*opened), .appends = (flags & uhyve::kOpenAppend) != 0};
  }
  if (writes(flags)) return fails(Errno::rofs);
  return Opened{.node = node};
}

auto GuestFiles::State::make_file(const Place& place, std::int32_t flags) -> FileResult<Opened> {
  if (!tree.has_room_for(place)) return fails(Errno::nospc);  // before the host creates a file
  auto made = make_temporary_file(flags);
  if (!made) return fails(made.error());
  auto node = tree.make(place, made->first);
  if (!node) {
    std::ignore = remove_temporary_file(*made->first);
    return fails(node.error());
  }
  return Opened{
      .node = std::move(*node), .host = std::move(made->second), .appends = (flags & uhyve::kOpenAppend) != 0};
}

auto GuestFiles::State::unlink(const Place& place) -> FileResult<void> {
  if (place.kind == Place::Kind::nothing) return fails(Errno::noent);
  if (place.kind == Place::Kind::directory) return fails(Errno::isdir);
  if (const int directory = place.host_directory(); !place.node && directory >= 0) {
    if (place.is_read_only()) return fails(Errno::rofs);
    if (::unlinkat(directory, place.name.c_str(), 0) != 0) return last_error();
    return {};
  }
  if (auto* const file = host_file_of(place.node)) return file->unlink();
  // A file of the image is removed only for this guest, not from the image.
  if (const auto removed = tree.remove(place); !removed) return removed;
  if (const auto* const file = temporary_file_of(place.node)) return remove_temporary_file(*file);
  return {};
}

auto GuestFiles::State::mkdir(const Place& place) -> FileResult<void> {
  // A name that is mapped as a file cannot become a directory.
  if (auto* const file = host_file_of(place.node); file != nullptr && !file->status()) return fails(Errno::acces);
  if (place.kind != Place::Kind::nothing) return fails(Errno::exist);
  if (place.position.mapping) {
    if (const auto checked = check_making(place); !checked) return checked;
    if (::mkdirat(place.host_directory(), place.name.c_str(), kPermissions) != 0) return last_error();
    return {};
  }
  if (const auto made = tree.make(place, Directory{}); !made) return fails(made.error());
  return {};
}

auto GuestFiles::State::stat(const Place& place) -> FileResult<FileAttr> {
  if (place.kind == Place::Kind::nothing) return fails(Errno::noent);
  if (place.node) return attributes(place.node);
  if (place.status) return attributes_of(*place.status);
  const int directory = place.host_directory();
  if (directory < 0) return attributes(place.position.node);
  struct stat status{};
  if (::fstat(directory, &status) != 0) return last_error();
  return attributes_of(status);
}

}  // namespace hermitage::vmm
