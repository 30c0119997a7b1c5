#include "hermitage/vmm/files/saved_files.hpp"

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hermitage/vmm/files/guest_files_state.hpp"

namespace hermitage::vmm {
namespace {

namespace uhyve = entry::uhyve;

auto identity_of(const struct stat& status) -> FileIdentity {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = static_cast<std::uint64_t>(status.st_size),
          .modified = status.st_mtim.tv_sec,
          .modified_ns = static_cast<std::uint64_t>(status.st_mtim.tv_nsec)};
}

}  // namespace

auto GuestFiles::State::save_node(const std::string& path, const Node& node, SavedFiles& saved, std::uint64_t& room)
    -> Result<void> {
  SavedNode result{.kind = SavedNode::Kind::directory, .path = path};
  if (const auto* const directory = node.directory()) {
    if (directory->mapping) {
      saved.mappings.push_back({.path = path, .is_read_only = directory->mapping->is_read_only()});
      return {};
    }
  } else if (const auto* const image = std::get_if<ImageFile>(&node.what)) {
    result.kind = SavedNode::Kind::image_file;
    result.mode = image->mode;
    result.content = image->content;
    result.owner = image->owner;
  } else if (const auto* const link = std::get_if<Link>(&node.what)) {
    result.kind = SavedNode::Kind::link;
    result.target = link->target;
  } else if (const auto* const mapped = std::get_if<std::shared_ptr<HostFile>>(&node.what)) {
    saved.mappings.push_back({.path = path, .is_read_only = (*mapped)->is_read_only()});
    return {};
  } else {
    auto& file = *std::get<std::shared_ptr<TemporaryFile>>(node.what);
    const auto size = file.size();
    if (size > room) {
      return fail(ErrorCode::configuration,
                  fmt::format("the guest has created '{}', and a snapshot contains at most {} "
                              "MiB of such files; map a directory with --file-mapping",
                              path, kMaxSavedContent >> 20));
    }
    room -= size;
    const std::shared_ptr<std::byte[]> content = std::make_unique_for_overwrite<std::byte[]>(size);
    const auto opened = file.open((*private_directory_)->descriptor(), O_RDONLY);
    const iovec buffer{.iov_base = content.get(), .iov_len = size};
    const auto got = opened ? read_at(opened->get(), 0, {&buffer, 1}) : -1;
    if (!std::cmp_equal(got, size)) {
      return fail(ErrorCode::host_failed, fmt::format("cannot read the guest's file '{}'", path));
    }
    result.kind = SavedNode::Kind::private_file;
    result.content = {content.get(), size};
    result.owner = content;
  }
  saved.nodes.push_back(std::move(result));
  return {};
}

auto GuestFiles::State::save_open_file(std::int32_t descriptor, const OpenFile& file) -> Result<SavedOpenFile> {
  const auto refused = [&](std::string_view why) {
    return fail(ErrorCode::configuration, fmt::format("the guest has opened '{}', {}", file.path, why));
  };
  if (file.is_directory) return refused("a directory, whose position a snapshot cannot contain");
  SavedOpenFile result{.descriptor = descriptor, .path = file.path, .flags = file.flags, .offset = file.offset};
  if (!file.host.is_open()) return result;
  struct stat status{};
  if (::fstat(file.host.get(), &status) != 0) return system_failure("fstat", errno);
  if (status.st_nlink == 0) return refused("and its name has been removed, so a snapshot cannot contain it");
  if (temporary_file_of(file.node) != nullptr) return result;
  result.is_on_host = true;
  result.identity = identity_of(status);
  const auto offset = ::lseek(file.host.get(), 0, SEEK_CUR);
  if (offset < 0) return system_failure("lseek", errno);
  result.offset = static_cast<std::uint64_t>(offset);
  return result;
}

auto GuestFiles::State::save() -> Result<SavedFiles> {
  SavedFiles saved;
  auto room = kMaxSavedContent;
  std::vector<std::pair<std::string, std::shared_ptr<Node>>> left{{"", tree.root()}};
  while (!left.empty()) {
    const auto [path, node] = std::move(left.back());
    left.pop_back();
    if (!path.empty()) {
      if (auto done = save_node(path, *node, saved, room); !done) return std::unexpected{done.error()};
    }
    if (node->directory() == nullptr) continue;
    for (auto& [name, entry] : tree.entries_behind(*node->directory(), "", SIZE_MAX)) {
      left.emplace_back(fmt::format("{}/{}", path, name), entry);
    }
  }
  for (const auto& [descriptor, file] : table.all()) {
    auto open = save_open_file(descriptor, *file);
    if (!open) return std::unexpected{open.error()};
    saved.open.push_back(std::move(*open));
  }
  return saved;
}

auto GuestFiles::State::restore_node(const SavedNode& node) -> Result<void> {
  using Kind = SavedNode::Kind;
  switch (node.kind) {
    case Kind::directory: tree.place(node.path, Directory{}); return {};
    case Kind::link: tree.place(node.path, Link{node.target}); return {};
    case Kind::image_file:
      tree.place(node.path, ImageFile{.content = node.content, .mode = node.mode, .owner = node.owner});
      return {};
    case Kind::private_file: break;
  }
  auto made = make_temporary_file(uhyve::kOpenReadWrite);
  if (!made) return fail(ErrorCode::host_failed, fmt::format("cannot create the guest's file '{}'", node.path));
  // It is written, not changed: the guest does not run.
  const iovec buffer{.iov_base = const_cast<std::byte*>(node.content.data()), .iov_len = node.content.size()};
  std::uint64_t offset = 0;
  const auto put = made->first->write(made->second, offset, false, {&buffer, 1});
  if (!put || *put != node.content.size()) {
    return fail(ErrorCode::host_failed, fmt::format("cannot write the guest's file '{}'", node.path));
  }
  tree.place(node.path, std::move(made->first));
  return {};
}

auto GuestFiles::State::restore_open_file(const SavedOpenFile& saved, bool accepts_changed) -> Result<void> {
  const auto refused = [&](std::string_view why) {
    return fail(ErrorCode::configuration, fmt::format("the guest's open file '{}' {}", saved.path, why));
  };
  const auto kept = ~(uhyve::kOpenCreate | uhyve::kOpenExclusive | uhyve::kOpenTruncate | uhyve::kOpenDirectory);
  auto opened = open(saved.path, saved.flags & uhyve::kOpenFlags & kept, 0);
  if (!opened) return refused("is missing, or cannot be opened any more");
  if (opened->is_directory) return refused("has become a directory");
  const bool is_on_host = opened->host.is_open() && temporary_file_of(opened->node) == nullptr;
  if (is_on_host != saved.is_on_host) return refused("is in another mapping than before");
  opened->path = saved.path;
  opened->flags = saved.flags;
  auto file = std::make_shared<OpenFile>(std::move(*opened));
  file->offset = saved.offset;
  if (is_on_host) {
    struct stat status{};
    if (::fstat(file->host.get(), &status) != 0) return system_failure("fstat", errno);
    if (identity_of(status) != saved.identity && !accepts_changed) {
      return refused("has changed since the snapshot; --stale-files=allow accepts it");
    }
    if (::lseek(file->host.get(), static_cast<off_t>(saved.offset), SEEK_SET) < 0) {
      return system_failure("lseek", errno);
    }
  }
  if (!table.restore(saved.descriptor, std::move(file))) return refused("has an invalid number");
  return {};
}

auto GuestFiles::State::restore(const SavedFiles& saved, bool accepts_changed) -> Result<void> {
  // The same mappings, so that each path leads to the same kind of file.
  for (const auto& mapping : saved.mappings) {
    const auto place = tree.find(mapping.path, false);
    const bool is_directory = place && place->position.node && place->position.node->directory() != nullptr &&
                              place->position.node->directory()->mapping != nullptr &&
                              place->kind == Place::Kind::directory && !place->host.is_open();
    const auto* const file = place ? host_file_of(place->node) : nullptr;
    if (!is_directory && file == nullptr) {
      return fail(ErrorCode::configuration, fmt::format("the guest needs --file-mapping HOST:{}{}", mapping.path,
                                                        mapping.is_read_only ? ":ro" : ""));
    }
    const bool is_read_only = is_directory ? place->position.mapping->is_read_only() : file->is_read_only();
    if (is_read_only != mapping.is_read_only) {
      return fail(ErrorCode::configuration, fmt::format("the mapping of '{}' must {}be read only, as in the snapshot",
                                                        mapping.path, mapping.is_read_only ? "" : "not "));
    }
  }
  for (const auto& node : saved.nodes) {
    if (auto restored = restore_node(node); !restored) return restored;
  }
  for (const auto& file : saved.open) {
    if (auto restored = restore_open_file(file, accepts_changed); !restored) return restored;
  }
  return {};
}

}  // namespace hermitage::vmm
