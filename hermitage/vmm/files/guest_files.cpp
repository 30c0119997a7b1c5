#include "hermitage/vmm/files/guest_files.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <ranges>
#include <set>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hermitage/vmm/files/directory_listing.hpp"
#include "hermitage/vmm/files/file_attributes.hpp"
#include "hermitage/vmm/files/file_table.hpp"
#include "hermitage/vmm/files/private_directory.hpp"
#include "hermitage/vmm/files/temporary_file.hpp"

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

auto temporary_file_of(const std::shared_ptr<Node>& node) -> TemporaryFile* {
  const auto* const file = node ? std::get_if<std::shared_ptr<TemporaryFile>>(&node->what) : nullptr;
  return file == nullptr ? nullptr : file->get();
}

auto host_file_of(const std::shared_ptr<Node>& node) -> HostFile* {
  const auto* const file = node ? std::get_if<std::shared_ptr<HostFile>>(&node->what) : nullptr;
  return file == nullptr ? nullptr : file->get();
}

// A file of the host in a mapping. The host keeps its position, and has a lock for that.
auto is_of_host_only(const OpenFile& file) -> bool {
  return file.host.is_open() && temporary_file_of(file.node) == nullptr;
}

auto size_of(const Node& file) -> std::uint64_t {
  if (const auto* const image = std::get_if<ImageFile>(&file.what)) return image->content.size();
  return std::get<std::shared_ptr<TemporaryFile>>(file.what)->size();
}

auto read_image(const ImageFile& image, std::uint64_t offset, std::span<const iovec> buffers) -> std::uint64_t {
  auto left = image.content.subspan(std::min<std::uint64_t>(offset, image.content.size()));
  std::uint64_t total = 0;
  for (const auto& buffer : buffers) {
    const auto size = std::min(buffer.iov_len, left.size());
    if (size == 0) continue;
    std::memcpy(buffer.iov_base, left.data(), size);
    left = left.subspan(size);
    total += size;
  }
  return total;
}

// The directories that a kernel makes for itself.
auto is_of_every_kernel(std::string_view name) -> bool {
  constexpr std::array<std::string_view, 4> kNames{"dev", "proc", "sys", "tmp"};
  return std::ranges::find(kNames, name) != kNames.end();
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// The names in a mapped directory, in any order; none if it cannot be read.
auto names_in(const Mapping& mapping) -> std::vector<std::string> {
  std::vector<std::string> names;
  const int descriptor = ::openat(mapping.directory(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return names;
  const std::unique_ptr<DIR, CloseDirectory> directory{::fdopendir(descriptor)};
  if (!directory) {
    ::close(descriptor);
    return names;
  }
  while (const auto* const entry = ::readdir(directory.get())) {
    const std::string_view name{static_cast<const char*>(entry->d_name)};
    if (name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

auto identity_of(const struct stat& status) -> FileIdentity {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = static_cast<std::uint64_t>(status.st_size),
          .modified = status.st_mtim.tv_sec,
          .modified_ns = static_cast<std::uint64_t>(status.st_mtim.tv_nsec)};
}

// Whether the guest can create the name of a place below a mapping.
auto check_making(const Place& place) -> FileResult<void> {
  if (place.is_read_only()) return fails(Errno::rofs);
  if (is_private_name(place.name)) return fails(Errno::acces);
  return {};
}

// The result of a system call that reads or writes.
auto transferred(ssize_t result) -> FileResult<std::uint64_t> {
  if (result < 0) return last_error();
  return static_cast<std::uint64_t>(result);
}

}  // namespace

class GuestFiles::State {
 public:
  explicit State(GuestFileOptions options) : options_{std::move(options)} {}

  GuestTree tree;
  FileTable table;

  void add_open_paths(const std::vector<isolation::OpenPath>& paths) {
    mapped_.insert(mapped_.end(), paths.begin(), paths.end());
  }

  // Calls act(place) with the place of a path. If that fails and another thread has changed the tree there, tries again
  // with the new state.
  template <class Act>
  auto at(std::string_view path, bool follow, const Act& act) -> std::invoke_result_t<Act, const Place&> {
    for (;;) {
      const auto place = tree.find(path, follow);
      if (!place) return fails(place.error());
      auto result = act(*place);
      if (result) return result;
      // A node that prevented the creation may have been removed again.
      const bool was_made =
          place->kind == Place::Kind::nothing && !place->position.mapping && result.error() == Errno::exist;
      if (!was_made && tree.is_current(*place)) return result;
    }
  }

  auto private_directory() -> FileResult<int> {
    std::call_once(private_directory_is_made_,
                   [this] { private_directory_ = PrivateDirectory::make(options_.temporary_parent); });
    if (!*private_directory_) return fails(guest_errno(private_directory_->error()));
    return (*private_directory_)->descriptor();
  }

  auto open_paths() -> std::vector<isolation::OpenPath> {
    auto paths = mapped_;
    if (!private_directory()) return paths;
    paths.push_back({.descriptor = (*private_directory_)->descriptor(), .access = isolation::OpenPath::Access::write});
    paths.push_back({.descriptor = (*private_directory_)->parent(), .access = isolation::OpenPath::Access::clean_up});
    return paths;
  }

  [[nodiscard]] auto cache_flags() const -> int {
    return (options_.bypasses_cache ? O_DIRECT : 0) | (options_.is_synchronous ? O_SYNC : 0);
  }

  // For a TemporaryFile, which appends without the host's O_APPEND, and is created with a name that the monitor
  // chooses.
  [[nodiscard]] auto temporary_flags(std::int32_t flags) const -> int {
    return host_flags(flags & ~(uhyve::kOpenAppend | uhyve::kOpenCreate | uhyve::kOpenExclusive)) | cache_flags();
  }

  // Creates a file with the flags of the guest, and opens it.
  auto make_temporary_file(std::int32_t flags) -> FileResult<std::pair<std::shared_ptr<TemporaryFile>, Descriptor>> {
    const auto directory = private_directory();
    if (!directory) return fails(directory.error());
    auto file = std::make_shared<TemporaryFile>(fmt::format("{}", ++temporary_file_count_), room_);
    auto opened = file->open(*directory, temporary_flags(flags) | O_CREAT | O_EXCL);
    if (!opened) return fails(opened.error());
    return std::pair{std::move(file), std::move(*opened)};
  }

  auto open_temporary_file(TemporaryFile& file, std::int32_t flags) -> FileResult<Descriptor> {
    return file.open((*private_directory_)->descriptor(), temporary_flags(flags));
  }

  auto remove_temporary_file(const TemporaryFile& file) -> FileResult<void> {
    if (::unlinkat((*private_directory_)->descriptor(), file.name().c_str(), 0) != 0) return last_error();
    return {};
  }

  auto attributes(const std::shared_ptr<Node>& node) -> FileResult<FileAttr> {
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

  auto save() -> Result<SavedFiles>;
  auto restore(const SavedFiles& saved, bool accepts_changed) -> Result<void>;

  auto open(std::string_view path, std::int32_t flags, mode_t mode) -> FileResult<Opened>;
  auto unlink(const Place& place) -> FileResult<void>;
  auto mkdir(const Place& place) -> FileResult<void>;
  auto stat(const Place& place) -> FileResult<FileAttr>;

 private:
  auto save_node(const std::string& path, const Node& node, SavedFiles& saved, std::uint64_t& room) -> Result<void>;
  auto save_open_file(std::int32_t descriptor, const OpenFile& file) -> Result<SavedOpenFile>;
  auto restore_node(const SavedNode& node) -> Result<void>;
  auto restore_open_file(const SavedOpenFile& saved, bool accepts_changed) -> Result<void>;

  auto open(const Place& place, std::int32_t flags, mode_t mode) -> FileResult<Opened>;
  auto open_directory(const Place& place) -> FileResult<Opened>;
  auto open_on_host(int directory, const std::string& name, bool is_read_only, std::int32_t flags, mode_t mode)
      -> FileResult<Opened>;
  auto open_host_file(HostFile& file, std::int32_t flags, mode_t mode) -> FileResult<Opened>;
  auto open_node(const std::shared_ptr<Node>& node, std::int32_t flags) -> FileResult<Opened>;
  auto make_file(const Place& place, std::int32_t flags) -> FileResult<Opened>;

  GuestFileOptions options_;
  std::vector<isolation::OpenPath> mapped_;
  std::once_flag private_directory_is_made_;                               // it is made when it is needed
  std::optional<std::expected<PrivateDirectory, int>> private_directory_;  // constant after it is made
  std::shared_ptr<Room> room_ = std::make_shared<Room>(options_.temporary_limit);
  std::atomic<std::uint64_t> temporary_file_count_ = 0;
};

GuestFiles::GuestFiles(GuestFileOptions options) : state_{std::make_unique<State>(std::move(options))} {}
GuestFiles::GuestFiles(std::string temporary_parent)
    : GuestFiles{GuestFileOptions{.temporary_parent = std::move(temporary_parent)}} {}
GuestFiles::GuestFiles(GuestFiles&&) noexcept = default;
GuestFiles::~GuestFiles() = default;

void GuestFiles::add_directory(std::string_view path) {
  state_->tree.place(path, Directory{});
}

void GuestFiles::add_file(std::string_view path, std::shared_ptr<const std::byte[]> content, std::size_t size,
                          std::uint32_t mode) {
  const std::span<const std::byte> bytes{content.get(), content ? size : 0};
  state_->tree.place(path, ImageFile{.content = bytes, .mode = mode, .owner = std::move(content)});
}

void GuestFiles::add_link(std::string_view path, std::string_view target) {
  state_->tree.place(path, Link{std::string{target}});
}

auto GuestFiles::add_mappings(std::vector<FileMapping> mappings) -> Result<void> {
  // Outer mappings first, because they hide the content of the tree.
  std::ranges::stable_sort(mappings, {}, [](const FileMapping& one) { return components_of(one.guest).size(); });
  std::set<std::vector<std::string>> taken;
  std::vector<std::vector<std::string>> files;
  for (const auto& [host, guest, is_read_only] : mappings) {
    const auto components = components_of(guest);
    if (guest.empty() || std::ranges::find(components, "..") != components.end()) {
      return fail(ErrorCode::configuration,
                  fmt::format("'{}' cannot be the path of a mapping: it must be / or below, without '..'", guest));
    }
    if (!taken.insert(components).second) {
      return fail(ErrorCode::configuration, fmt::format("two mappings have the path '{}'", guest));
    }
    for (const auto& file : files) {
      if (std::ranges::equal(file, components | std::views::take(file.size()))) {
        return fail(ErrorCode::configuration,
                    fmt::format("'{}' is below '/{}', which is mapped as a file", guest, fmt::join(file, "/")));
      }
    }
    const auto mapping = open_mapping(host, is_read_only);
    if (!mapping) return fail(mapping.error().code, fmt::format("'{}': {}", host, mapping.error().message()));
    if (const auto* const directory = std::get_if<std::shared_ptr<const Mapping>>(&*mapping)) {
      state_->add_open_paths({(*directory)->open_path()});
      state_->tree.place(guest, Directory{.mapping = *directory});
    } else {
      if (components.empty()) {
        return fail(ErrorCode::configuration,
                    fmt::format("'{}' is not a directory, so it cannot be mapped at /", host));
      }
      const auto& file = std::get<std::shared_ptr<HostFile>>(*mapping);
      state_->add_open_paths(file->open_paths());
      state_->tree.place(guest, file);
      files.push_back(components);
    }
  }
  return {};
}

auto GuestFiles::open_paths() -> std::vector<isolation::OpenPath> {
  return state_->open_paths();
}

auto GuestFiles::top_directories() const -> std::vector<std::string> {
  const auto& tree = state_->tree;
  const auto& root = *tree.root()->directory();
  std::set<std::string> names;
  for (const auto& [name, node] : tree.entries_behind(root, "", SIZE_MAX)) {
    if (node->directory() != nullptr) names.insert("/" + name);
  }
  if (root.mapping) {
    for (const auto& name : names_in(*root.mapping)) {
      const auto path = "/" + name;
      const auto place = is_of_every_kernel(name) ? fails(Errno::noent) : tree.find(path, true);
      if (place && place->kind == Place::Kind::directory) names.insert(path);
    }
  }
  return {names.begin(), names.end()};
}

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

auto GuestFiles::save() -> Result<SavedFiles> {
  return state_->save();
}

auto GuestFiles::restore(const SavedFiles& saved, bool accepts_changed) -> Result<void> {
  return state_->restore(saved, accepts_changed);
}

auto GuestFiles::open(std::string_view path, std::int32_t flags, std::int32_t mode) -> FileResult<std::int32_t> {
  flags &= uhyve::kOpenFlags;
  if ((flags & uhyve::kOpenCreate) != 0 && (flags & uhyve::kOpenDirectory) != 0) return fails(Errno::inval);
  const auto descriptor = state_->table.reserve();
  if (!descriptor) return descriptor;
  auto opened = state_->open(path, flags, static_cast<mode_t>(mode) & kPermissions);
  if (!opened) {
    state_->table.release(*descriptor);
    return fails(opened.error());
  }
  opened->path = path;
  opened->flags = flags;
  state_->table.fill(*descriptor, std::move(*opened));
  return descriptor;
}

auto GuestFiles::close(std::int32_t descriptor) -> FileResult<void> {
  return state_->table.close(descriptor);
}

auto GuestFiles::read(std::int32_t descriptor, std::span<const iovec> buffers) -> FileResult<std::uint64_t> {
  const auto found = state_->table.find(descriptor);
  if (!found) return fails(found.error());
  auto& file = **found;
  if (file.is_directory) return fails(Errno::isdir);
  if (is_of_host_only(file)) return transferred(read_into(file.host.get(), buffers));
  const std::scoped_lock lock{file.mutex};
  const auto got = file.host.is_open() ? transferred(read_at(file.host.get(), file.offset, buffers))
                                       : read_image(std::get<ImageFile>(file.node->what), file.offset, buffers);
  if (got) file.offset += *got;
  return got;
}

auto GuestFiles::write(std::int32_t descriptor, std::span<const iovec> buffers) -> FileResult<std::uint64_t> {
  const auto found = state_->table.find(descriptor);
  if (!found) return fails(found.error());
  auto& file = **found;
  if (!file.host.is_open() || file.is_directory) return fails(Errno::badf);  // opened for reading only
  if (is_of_host_only(file)) return transferred(write_from(file.host.get(), buffers));
  const std::scoped_lock lock{file.mutex};
  return temporary_file_of(file.node)->write(file.host, file.offset, file.appends, buffers);
}

auto GuestFiles::lseek(std::int32_t descriptor, std::int64_t offset, std::int32_t whence) -> FileResult<std::int64_t> {
  const auto found = state_->table.find(descriptor);
  if (!found) return fails(found.error());
  auto& file = **found;
  if (whence != uhyve::kSeekSet && whence != uhyve::kSeekCurrent && whence != uhyve::kSeekEnd) {
    return fails(Errno::inval);
  }
  if (!file.is_directory && is_of_host_only(file)) {
    const auto result = ::lseek(file.host.get(), offset, whence);
    if (result < 0) return last_error();
    return result;
  }
  const std::scoped_lock lock{file.mutex};
  if (file.is_directory) return rewind_directory(file, offset, whence);
  std::int64_t base = 0;
  if (whence == uhyve::kSeekCurrent) base = static_cast<std::int64_t>(file.offset);
  if (whence == uhyve::kSeekEnd) base = static_cast<std::int64_t>(size_of(*file.node));
  std::int64_t result = 0;
  if (__builtin_add_overflow(base, offset, &result)) return fails(Errno::overflow);
  if (result < 0) return fails(Errno::inval);
  file.offset = static_cast<std::uint64_t>(result);
  return result;
}

auto GuestFiles::unlink(std::string_view path) -> FileResult<void> {
  return state_->at(path, false, [this](const Place& place) { return state_->unlink(place); });
}

auto GuestFiles::mkdir(std::string_view path) -> FileResult<void> {
  return state_->at(path, false, [this](const Place& place) { return state_->mkdir(place); });
}

auto GuestFiles::stat(std::string_view path, bool follow_link) -> FileResult<FileAttr> {
  return state_->at(path, follow_link, [this](const Place& place) { return state_->stat(place); });
}

auto GuestFiles::fstat(std::int32_t descriptor) -> FileResult<FileAttr> {
  const auto found = state_->table.find(descriptor);
  if (!found) return fails(found.error());
  const auto& file = **found;
  if (!file.host.is_open()) return state_->attributes(file.node);
  // Uses the descriptor, because the name may be removed.
  struct stat status{};
  if (::fstat(file.host.get(), &status) != 0) return last_error();
  if (temporary_file_of(file.node) != nullptr) return attributes_of(*file.node, status);
  return attributes_of(status);
}

auto GuestFiles::getdents(std::int32_t descriptor, std::span<std::byte> buffer) -> FileResult<std::uint64_t> {
  const auto found = state_->table.find(descriptor);
  if (!found) return fails(found.error());
  auto& file = **found;
  if (!file.is_directory) return fails(Errno::notdir);
  const std::scoped_lock lock{file.mutex};
  return list_directory(state_->tree, file, buffer);
}

}  // namespace hermitage::vmm
