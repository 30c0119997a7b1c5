#include "hermitage/vmm/guest_files.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <variant>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hermitage/vmm/private_directory.hpp"
#include "hermitage/vmm/temporary_file.hpp"

namespace hermitage::vmm {
namespace {

namespace uhyve = entry::uhyve;
using uhyve::v2::FileAttr;
using uhyve::v2::FileType;

constexpr std::int64_t kBlockSize = 4096;
constexpr std::int64_t kStatBlockSize = 512;
constexpr mode_t kPermissions = 0777;

// The guest's flags are given numbers of their own, so that they mean the same on every host.
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

auto timespec_of(const timespec& time) -> uhyve::v2::Timespec {
  return {.tv_sec = time.tv_sec, .tv_nsec = static_cast<std::int32_t>(time.tv_nsec)};
}

// What the guest may know of a file; not which device or user of the host it is.
auto attributes_of(const struct stat& status) -> FileAttr {
  FileAttr attributes{};
  attributes.st_ino = status.st_ino;
  attributes.st_nlink = status.st_nlink;
  attributes.st_mode = status.st_mode & (S_IFMT | kPermissions);
  attributes.st_size = status.st_size;
  attributes.st_blksize = kBlockSize;
  attributes.st_blocks = status.st_blocks;
  attributes.st_atim = timespec_of(status.st_atim);
  attributes.st_mtim = timespec_of(status.st_mtim);
  attributes.st_ctim = timespec_of(status.st_ctim);
  return attributes;
}

// Of a TemporaryFile.
auto attributes_of(const Node& node, const struct stat& status) -> FileAttr {
  auto attributes = attributes_of(status);
  attributes.st_ino = node.number;
  attributes.st_mode = S_IFREG | 0644;
  return attributes;
}

auto temporary_file_of(const std::shared_ptr<Node>& node) -> TemporaryFile* {
  const auto* const file = node ? std::get_if<std::shared_ptr<TemporaryFile>>(&node->what) : nullptr;
  return file == nullptr ? nullptr : file->get();
}

// The mapping that a file itself is.
auto mapping_of(const std::shared_ptr<Node>& node) -> const Mapping* {
  const auto* const mapping = node ? std::get_if<std::shared_ptr<const Mapping>>(&node->what) : nullptr;
  return mapping == nullptr ? nullptr : mapping->get();
}

auto type_of(const Node& node) -> FileType {
  if (std::holds_alternative<Directory>(node.what)) return FileType::directory;
  if (std::holds_alternative<Link>(node.what)) return FileType::symbolic_link;
  return FileType::regular_file;
}

struct OpenFile {
  std::shared_ptr<Node> node = {};  // of the tree's
  Descriptor host = {};             // of the host's
  bool appends = false;
  bool is_directory = false;

  std::uint64_t offset = 0;  // of an ImageFile in bytes, of a Directory of the tree in names
  std::string listed = {};   // the last of these names that getdents has given
};

// A directory can be listed again from its beginning; where it goes on otherwise is known to getdents only.
auto rewind(OpenFile& directory, std::int64_t offset, std::int32_t whence) -> FileResult<std::int64_t> {
  if (offset != 0 || whence != uhyve::kSeekSet) return fails(Errno::inval);
  directory.offset = 0;
  directory.listed.clear();
  if (directory.host.is_open() && ::lseek(directory.host.get(), 0, SEEK_SET) != 0) return last_error();
  return 0;
}

// What getdents fills.
class DirectoryListing {
 public:
  explicit DirectoryListing(std::span<std::byte> buffer) : left_{buffer} {}

  [[nodiscard]] auto size() const -> std::uint64_t { return size_; }

  // False when it does not fit.
  auto add(std::string_view name, std::uint64_t number, std::int64_t next, FileType type) -> bool {
    constexpr std::size_t kAlignment = alignof(uhyve::v2::Dirent);
    const auto record = (uhyve::v2::kDirentNameAt + name.size() + 1 + kAlignment - 1) / kAlignment * kAlignment;
    if (record > left_.size()) return false;
    const uhyve::v2::Dirent entry{
        .d_ino = number, .d_off = next, .d_reclen = static_cast<std::uint16_t>(record), .d_type = type};
    std::ranges::fill(left_.first(record), std::byte{});
    std::memcpy(left_.data(), &entry, uhyve::v2::kDirentNameAt);
    std::memcpy(left_.data() + uhyve::v2::kDirentNameAt, name.data(), name.size());
    left_ = left_.subspan(record);
    size_ += record;
    return true;
  }

 private:
  std::span<std::byte> left_;
  std::uint64_t size_ = 0;
};

// One record of the host's getdents64(2).
struct HostEntry {
  std::uint64_t number;
  std::int64_t next;  // where to go on behind it
  FileType type;
  std::string_view name;
};

auto first_entry(std::span<const std::byte>& records) -> HostEntry {
  // Both are linux_dirent64.
  uhyve::v2::Dirent entry{};
  std::memcpy(&entry, records.data(), uhyve::v2::kDirentNameAt);
  const auto* const name = reinterpret_cast<const char*>(records.data() + uhyve::v2::kDirentNameAt);
  records = records.subspan(entry.d_reclen);
  return {.number = entry.d_ino, .next = entry.d_off, .type = entry.d_type, .name = name};
}

// The names of the tree, behind the last that was given. False when one does not fit.
auto list_tree(OpenFile& file, DirectoryListing& listing) -> bool {
  const auto& entries = file.node->directory()->entries;
  for (auto entry = entries.upper_bound(file.listed); entry != entries.end(); ++entry) {
    const auto& [name, node] = *entry;
    const auto next = static_cast<std::int64_t>(file.offset) + 1;
    if (!listing.add(name, node->number, next, type_of(*node))) return false;
    ++file.offset;
    file.listed = name;
  }
  return true;
}

// Those of the host's, but for what lies over them. False when one does not fit.
auto list_host(OpenFile& file, DirectoryListing& listing) -> FileResult<bool> {
  constexpr std::size_t kBatch = 4096;
  const auto is_hidden = [&](std::string_view name) {
    return name == "." || name == ".." || (file.node && file.node->directory()->entries.contains(name));
  };
  for (;;) {
    alignas(std::uint64_t) std::array<std::byte, kBatch> batch;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    auto last = ::lseek(file.host.get(), 0, SEEK_CUR);
    const auto got = ::syscall(SYS_getdents64, file.host.get(), batch.data(), batch.size());
    if (last < 0 || got < 0) return last_error();
    if (got == 0) return true;
    std::span<const std::byte> records{batch.data(), static_cast<std::size_t>(got)};
    while (!records.empty()) {
      const auto entry = first_entry(records);
      if (!is_hidden(entry.name) && !listing.add(entry.name, entry.number, entry.next, entry.type)) {
        // The rest of the batch is for the next call.
        if (::lseek(file.host.get(), last, SEEK_SET) < 0) return last_error();
        return false;
      }
      last = entry.next;
    }
  }
}

}  // namespace

class GuestFiles::State {
 public:
  explicit State(GuestFileOptions options) : options_{std::move(options)} {}

  std::mutex mutex;
  GuestTree tree;

  void add_open_path(walls::OpenPath path) { mapped_.push_back(path); }

  auto private_directory() -> FileResult<int> {
    if (!private_directory_) private_directory_ = PrivateDirectory::make(options_.temporary_parent);
    if (!*private_directory_) return fails(guest_errno(private_directory_->error()));
    return (*private_directory_)->descriptor();
  }

  auto open_paths() -> std::vector<walls::OpenPath> {
    auto paths = mapped_;
    if (!private_directory()) return paths;
    paths.push_back({.descriptor = (*private_directory_)->descriptor(), .access = walls::OpenPath::Access::write});
    paths.push_back({.descriptor = (*private_directory_)->parent(), .access = walls::OpenPath::Access::clean_up});
    return paths;
  }

  [[nodiscard]] auto cache_flags() const -> int {
    return (options_.bypasses_cache ? O_DIRECT : 0) | (options_.is_synchronous ? O_SYNC : 0);
  }

  // A new file, with the flags of the guest; and it is open.
  auto make_temporary_file(std::int32_t flags) -> FileResult<std::pair<std::shared_ptr<TemporaryFile>, Descriptor>> {
    const auto directory = private_directory();
    if (!directory) return fails(directory.error());
    auto file = std::make_shared<TemporaryFile>(fmt::format("{}", ++temporary_file_count_), room_);
    auto opened = file->open(*directory, host_flags(flags) | cache_flags() | O_CREAT | O_EXCL);
    if (!opened) return fails(opened.error());
    return std::pair{std::move(file), std::move(*opened)};
  }

  auto open_temporary_file(TemporaryFile& file, std::int32_t flags) -> FileResult<Descriptor> {
    const auto kept = flags & ~(uhyve::kOpenCreate | uhyve::kOpenExclusive);
    return file.open((*private_directory_)->descriptor(), host_flags(kept) | cache_flags());
  }

  auto remove_temporary_file(const TemporaryFile& file) -> FileResult<void> {
    if (::unlinkat((*private_directory_)->descriptor(), file.name().c_str(), 0) != 0) return last_error();
    return {};
  }

  [[nodiscard]] auto can_open() const -> bool {
    return open_files_.size() < kMaxOpenFiles || std::ranges::find(open_files_, nullptr) != open_files_.end();
  }

  // The lowest free number, as POSIX wants it. Precondition: can_open().
  auto insert(OpenFile file) -> std::int32_t {
    auto place = std::ranges::find(open_files_, nullptr);
    if (place == open_files_.end()) place = open_files_.insert(place, nullptr);
    *place = std::make_shared<OpenFile>(std::move(file));
    return kFirstDescriptor + static_cast<std::int32_t>(place - open_files_.begin());
  }

  auto open_file(std::int32_t descriptor) -> FileResult<std::shared_ptr<OpenFile>> {
    const auto index = static_cast<std::int64_t>(descriptor) - kFirstDescriptor;
    if (index < 0 || std::cmp_greater_equal(index, open_files_.size())) return fails(Errno::badf);
    const auto& file = open_files_[static_cast<std::size_t>(index)];
    if (!file) return fails(Errno::badf);
    return file;
  }

  // The same without the mutex, for what the host may take its time for.
  auto find_open_file(std::int32_t descriptor) -> FileResult<std::shared_ptr<OpenFile>> {
    const std::scoped_lock lock{mutex};
    return open_file(descriptor);
  }

  auto close(std::int32_t descriptor) -> FileResult<void> {
    if (const auto file = open_file(descriptor); !file) return fails(file.error());
    open_files_[static_cast<std::size_t>(descriptor - kFirstDescriptor)].reset();
    return {};
  }

  auto attributes(const std::shared_ptr<Node>& node) -> FileResult<FileAttr> {
    struct stat status{};
    if (const auto* const file = temporary_file_of(node)) {
      const int directory = (*private_directory_)->descriptor();
      if (::fstatat(directory, file->name().c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return last_error();
      return attributes_of(*node, status);
    }
    if (const auto* const mapping = mapping_of(node)) {
      if (::fstatat(mapping->directory(), mapping->name().c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return last_error();
      }
      return attributes_of(status);
    }
    FileAttr attributes{};
    attributes.st_ino = node->number;
    attributes.st_nlink = 1;
    attributes.st_blksize = kBlockSize;
    if (std::holds_alternative<Directory>(node->what)) {
      attributes.st_mode = S_IFDIR | 0755;
      attributes.st_nlink = 2;
    } else if (const auto* const image = std::get_if<ImageFile>(&node->what)) {
      attributes.st_mode = S_IFREG | (image->mode & 0555);
      attributes.st_size = static_cast<std::int64_t>(image->content.size());
    } else if (const auto* const link = std::get_if<Link>(&node->what)) {
      attributes.st_mode = S_IFLNK | 0777;
      attributes.st_size = static_cast<std::int64_t>(link->target.size());
    }
    attributes.st_blocks = (attributes.st_size + kStatBlockSize - 1) / kStatBlockSize;
    return attributes;
  }

  auto open(const Place& place, std::int32_t flags, mode_t mode) -> FileResult<OpenFile>;

 private:
  auto open_directory(const Place& place) -> FileResult<OpenFile>;
  auto open_on_host(int directory, const std::string& name, bool is_read_only, std::int32_t flags, mode_t mode)
      -> FileResult<OpenFile>;
  auto open_node(const std::shared_ptr<Node>& node, std::int32_t flags) -> FileResult<OpenFile>;
  auto make_file(const Place& place, std::int32_t flags) -> FileResult<OpenFile>;

  GuestFileOptions options_;
  std::vector<walls::OpenPath> mapped_;
  std::vector<std::shared_ptr<OpenFile>> open_files_;
  std::optional<std::expected<PrivateDirectory, int>> private_directory_;  // nothing before it is needed
  std::shared_ptr<Room> room_ = std::make_shared<Room>(options_.temporary_limit);
  std::uint64_t temporary_file_count_ = 0;
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
  // The outer ones first, which hide what is there.
  std::ranges::stable_sort(mappings, {}, [](const FileMapping& one) { return components_of(one.guest).size(); });
  std::set<std::vector<std::string>> taken;
  for (const auto& [host, guest, is_read_only] : mappings) {
    const auto components = components_of(guest);
    if (components.empty() || std::ranges::find(components, "..") != components.end()) {
      return fail(ErrorCode::configuration, fmt::format("'{}' is no place to map something at: it has to be below /, "
                                                        "without '..'",
                                                        guest));
    }
    if (!taken.insert(components).second) {
      return fail(ErrorCode::configuration, fmt::format("two mappings are at '{}'", guest));
    }
    auto mapping = Mapping::open(host, is_read_only);
    if (!mapping) return fail(mapping.error().code, fmt::format("'{}': {}", host, mapping.error().message));
    const auto shared = std::make_shared<const Mapping>(std::move(*mapping));
    state_->add_open_path(shared->open_path());
    if (shared->is_directory()) {
      state_->tree.place(guest, Directory{.mapping = shared});
    } else {
      state_->tree.place(guest, shared);
    }
  }
  return {};
}

auto GuestFiles::open_paths() -> std::vector<walls::OpenPath> {
  const std::scoped_lock lock{state_->mutex};
  return state_->open_paths();
}

auto GuestFiles::top_directories() const -> std::vector<std::string> {
  const std::scoped_lock lock{state_->mutex};
  std::vector<std::string> names;
  for (const auto& [name, node] : state_->tree.root()->directory()->entries) {
    if (node->directory() != nullptr) names.push_back("/" + name);
  }
  return names;
}

auto GuestFiles::State::open(const Place& place, std::int32_t flags, mode_t mode) -> FileResult<OpenFile> {
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
    if (place.kind == Place::Kind::nothing && place.is_read_only()) return fails(Errno::rofs);
    if (place.status && !S_ISREG(place.status->st_mode)) return fails(Errno::acces);
    return open_on_host(place.host_directory(), place.name, place.is_read_only(), flags, mode);
  }
  return make_file(place, flags);
}

auto GuestFiles::State::open_directory(const Place& place) -> FileResult<OpenFile> {
  OpenFile file{.node = place.position.node, .is_directory = true};
  if (const int directory = place.host_directory(); directory >= 0) {
    auto opened = open_beneath(directory, ".", O_RDONLY | O_DIRECTORY);
    if (!opened) return fails(opened.error());
    file.host = std::move(*opened);
  }
  return file;
}

auto GuestFiles::State::open_on_host(int directory, const std::string& name, bool is_read_only, std::int32_t flags,
                                     mode_t mode) -> FileResult<OpenFile> {
  if (is_read_only && writes(flags)) return fails(Errno::rofs);
  if (is_read_only) flags &= ~uhyve::kOpenCreate;  // it is there
  auto opened = open_file_beneath(directory, name.c_str(), host_flags(flags) | cache_flags(), mode);
  if (!opened) return fails(opened.error());
  return OpenFile{.host = std::move(*opened)};
}

auto GuestFiles::State::open_node(const std::shared_ptr<Node>& node, std::int32_t flags) -> FileResult<OpenFile> {
  if (auto* const file = temporary_file_of(node)) {
    auto opened = open_temporary_file(*file, flags);
    if (!opened) return fails(opened.error());
    return OpenFile{.node = node, .host = std::move(*opened), .appends = (flags & uhyve::kOpenAppend) != 0};
  }
  if (const auto* const mapping = mapping_of(node)) {
    const auto kept = flags & ~(uhyve::kOpenCreate | uhyve::kOpenExclusive);
    return open_on_host(mapping->directory(), mapping->name(), mapping->is_read_only(), kept, 0);
  }
  if (writes(flags)) return fails(Errno::rofs);
  return OpenFile{.node = node};
}

auto GuestFiles::State::make_file(const Place& place, std::int32_t flags) -> FileResult<OpenFile> {
  const auto parent = tree.make_parent(place);
  if (!parent) return fails(parent.error());
  if (!tree.can_make_entry()) return fails(Errno::nospc);  // before there is a file that no name leads to
  auto made = make_temporary_file(flags);
  if (!made) return fails(made.error());
  auto node = tree.make_entry(**parent, place.name, std::move(made->first));
  if (!node) return fails(node.error());
  return OpenFile{
      .node = std::move(*node), .host = std::move(made->second), .appends = (flags & uhyve::kOpenAppend) != 0};
}

auto GuestFiles::open(std::string_view path, std::int32_t flags, std::int32_t mode) -> FileResult<std::int32_t> {
  flags &= uhyve::kOpenFlags;
  if ((flags & uhyve::kOpenCreate) != 0 && (flags & uhyve::kOpenDirectory) != 0) return fails(Errno::inval);
  const std::scoped_lock lock{state_->mutex};
  if (!state_->can_open()) return fails(Errno::mfile);
  // Nothing is made through a link that must not be there.
  const bool is_new = (flags & uhyve::kOpenCreate) != 0 && (flags & uhyve::kOpenExclusive) != 0;
  const auto place = state_->tree.find(path, !is_new);
  if (!place) return fails(place.error());
  auto opened = state_->open(*place, flags, static_cast<mode_t>(mode) & kPermissions);
  if (!opened) return fails(opened.error());
  return state_->insert(std::move(*opened));
}

auto GuestFiles::close(std::int32_t descriptor) -> FileResult<void> {
  const std::scoped_lock lock{state_->mutex};
  return state_->close(descriptor);
}

auto GuestFiles::read(std::int32_t descriptor, std::span<const iovec> buffers) -> FileResult<std::uint64_t> {
  const auto file = state_->find_open_file(descriptor);
  if (!file) return fails(file.error());
  if ((*file)->host.is_open()) {
    if ((*file)->is_directory) return fails(Errno::isdir);
    const auto got = read_into((*file)->host.get(), buffers);
    if (got < 0) return last_error();
    return static_cast<std::uint64_t>(got);
  }
  const auto* const image = std::get_if<ImageFile>(&(*file)->node->what);
  if (image == nullptr) return fails(Errno::isdir);
  const std::scoped_lock lock{state_->mutex};  // of the offset
  std::uint64_t total = 0;
  for (const auto& buffer : buffers) {
    const auto left = image->content.subspan(std::min<std::uint64_t>((*file)->offset, image->content.size()));
    const auto size = std::min(buffer.iov_len, left.size());
    if (size == 0) break;
    std::memcpy(buffer.iov_base, left.data(), size);
    (*file)->offset += size;
    total += size;
  }
  return total;
}

auto GuestFiles::write(std::int32_t descriptor, std::span<const iovec> buffers) -> FileResult<std::uint64_t> {
  const auto file = state_->find_open_file(descriptor);
  if (!file) return fails(file.error());
  if (!(*file)->host.is_open() || (*file)->is_directory) return fails(Errno::badf);  // opened for reading only
  if (auto* const temporary = temporary_file_of((*file)->node)) {
    return temporary->write((*file)->host, (*file)->appends, buffers);
  }
  const auto put = write_from((*file)->host.get(), buffers);
  if (put < 0) return last_error();
  return static_cast<std::uint64_t>(put);
}

auto GuestFiles::lseek(std::int32_t descriptor, std::int64_t offset, std::int32_t whence) -> FileResult<std::int64_t> {
  const std::scoped_lock lock{state_->mutex};
  const auto found = state_->open_file(descriptor);
  if (!found) return fails(found.error());
  auto& file = **found;
  if (file.is_directory) return rewind(file, offset, whence);
  if (whence != uhyve::kSeekSet && whence != uhyve::kSeekCurrent && whence != uhyve::kSeekEnd) {
    return fails(Errno::inval);
  }
  if (file.host.is_open()) {
    const auto result = ::lseek(file.host.get(), offset, whence);
    if (result < 0) return last_error();
    return result;
  }
  std::int64_t base = 0;
  if (whence == uhyve::kSeekCurrent) base = static_cast<std::int64_t>(file.offset);
  if (whence == uhyve::kSeekEnd) {
    base = static_cast<std::int64_t>(std::get<ImageFile>(file.node->what).content.size());
  }
  std::int64_t result = 0;
  if (__builtin_add_overflow(base, offset, &result)) return fails(Errno::overflow);
  if (result < 0) return fails(Errno::inval);
  file.offset = static_cast<std::uint64_t>(result);
  return result;
}

auto GuestFiles::unlink(std::string_view path) -> FileResult<void> {
  const std::scoped_lock lock{state_->mutex};
  const auto place = state_->tree.find(path, false);
  if (!place) return fails(place.error());
  if (place->kind == Place::Kind::nothing) return fails(Errno::noent);
  if (place->kind == Place::Kind::directory) return fails(Errno::isdir);
  if (const int directory = place->host_directory(); !place->node && directory >= 0) {
    if (place->is_read_only()) return fails(Errno::rofs);
    if (::unlinkat(directory, place->name.c_str(), 0) != 0) return last_error();
    return {};
  }
  if (mapping_of(place->node) != nullptr) return fails(Errno::busy);
  // What the image brought disappears from this guest's sight, not from the image.
  if (const auto* const file = temporary_file_of(place->node)) {
    if (const auto removed = state_->remove_temporary_file(*file); !removed) return removed;
  }
  state_->tree.remove_entry(*place->position.node, place->name);
  return {};
}

auto GuestFiles::mkdir(std::string_view path) -> FileResult<void> {
  const std::scoped_lock lock{state_->mutex};
  const auto place = state_->tree.find(path, false);
  if (!place) return fails(place.error());
  if (place->kind != Place::Kind::nothing) return fails(Errno::exist);
  if (place->position.mapping) {
    if (place->is_read_only()) return fails(Errno::rofs);
    if (::mkdirat(place->host_directory(), place->name.c_str(), kPermissions) != 0) return last_error();
    return {};
  }
  const auto parent = state_->tree.make_parent(*place);
  if (!parent) return fails(parent.error());
  if (const auto made = state_->tree.make_entry(**parent, place->name, Directory{}); !made) return fails(made.error());
  return {};
}

auto GuestFiles::stat(std::string_view path, bool follow_link) -> FileResult<FileAttr> {
  const std::scoped_lock lock{state_->mutex};
  const auto place = state_->tree.find(path, follow_link);
  if (!place) return fails(place.error());
  if (place->kind == Place::Kind::nothing) return fails(Errno::noent);
  if (place->node) return state_->attributes(place->node);
  if (place->status) return attributes_of(*place->status);
  const int directory = place->host_directory();
  if (directory < 0) return state_->attributes(place->position.node);
  struct stat status{};
  if (::fstat(directory, &status) != 0) return last_error();
  return attributes_of(status);
}

auto GuestFiles::fstat(std::int32_t descriptor) -> FileResult<FileAttr> {
  const std::scoped_lock lock{state_->mutex};
  const auto file = state_->open_file(descriptor);
  if (!file) return fails(file.error());
  if (!(*file)->host.is_open()) return state_->attributes((*file)->node);
  // By descriptor, since its name may be gone.
  struct stat status{};
  if (::fstat((*file)->host.get(), &status) != 0) return last_error();
  if (temporary_file_of((*file)->node) != nullptr) return attributes_of(*(*file)->node, status);
  return attributes_of(status);
}

auto GuestFiles::getdents(std::int32_t descriptor, std::span<std::byte> buffer) -> FileResult<std::uint64_t> {
  const std::scoped_lock lock{state_->mutex};
  const auto found = state_->open_file(descriptor);
  if (!found) return fails(found.error());
  auto& file = **found;
  if (!file.is_directory) return fails(Errno::notdir);
  DirectoryListing listing{buffer};
  bool fits = !file.node || list_tree(file, listing);
  if (fits && file.host.is_open()) {
    const auto listed = list_host(file, listing);
    if (!listed) return fails(listed.error());
    fits = *listed;
  }
  if (!fits && listing.size() == 0) return fails(Errno::inval);
  return listing.size();
}

}  // namespace hermitage::vmm
