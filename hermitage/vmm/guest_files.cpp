#include "hermitage/vmm/guest_files.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <utility>
#include <variant>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

namespace hermitage::vmm {
namespace {

namespace uhyve = entry::uhyve;
using uhyve::v2::FileAttr;

constexpr int kMaxLinks = 40;  // on one path, as Linux
constexpr std::size_t kMaxName = 255;
constexpr std::int64_t kBlockSize = 4096;
constexpr std::int64_t kStatBlockSize = 512;

// The guest's flags are given numbers of their own, so that they mean the same on every host.
auto host_flags(std::int32_t flags) -> int {
  constexpr std::array<std::pair<std::int32_t, int>, 6> kFlags{{{uhyve::kOpenWriteOnly, O_WRONLY},
                                                                {uhyve::kOpenReadWrite, O_RDWR},
                                                                {uhyve::kOpenCreate, O_CREAT},
                                                                {uhyve::kOpenExclusive, O_EXCL},
                                                                {uhyve::kOpenTruncate, O_TRUNC},
                                                                {uhyve::kOpenAppend, O_APPEND}}};
  int result = O_CLOEXEC | O_NOFOLLOW;
  for (const auto& [guest, host] : kFlags) {
    if ((flags & guest) != 0) result |= host;
  }
  return result;
}

auto last_error() -> std::unexpected<Errno> {
  return std::unexpected{guest_errno(errno)};
}

auto fails(Errno error) -> std::unexpected<Errno> {
  return std::unexpected{error};
}

auto timespec_of(const timespec& time) -> uhyve::v2::Timespec {
  return {.tv_sec = time.tv_sec, .tv_nsec = static_cast<std::int32_t>(time.tv_nsec)};
}

struct Node;

struct Directory {
  std::map<std::string, std::shared_ptr<Node>, std::less<>> entries;
};
struct ImageFile {
  std::span<const std::byte> content;
  std::uint32_t mode = 0;
  std::shared_ptr<const std::byte[]> owner = {};
};
struct Link {
  std::string target;
};
struct HostFile {
  std::string name;  // in the private directory
};

struct Node {
  std::variant<Directory, ImageFile, Link, HostFile> what;
  std::uint64_t number = 0;  // st_ino

  [[nodiscard]] auto directory() -> Directory* { return std::get_if<Directory>(&what); }
};

auto type_of(const Node& node) -> uhyve::v2::FileType {
  if (std::holds_alternative<Directory>(node.what)) return uhyve::v2::FileType::directory;
  if (std::holds_alternative<Link>(node.what)) return uhyve::v2::FileType::symbolic_link;
  return uhyve::v2::FileType::regular_file;
}

struct OpenFile {
  std::shared_ptr<Node> node;
  Descriptor host;           // of a HostFile
  std::uint64_t offset = 0;  // of an ImageFile in bytes, of a Directory in entries
};

// The components of a path, without the empty ones and ".".
auto components_of(std::string_view path) -> std::vector<std::string> {
  std::vector<std::string> components;
  while (!path.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    const auto component = path.substr(0, end);
    if (!component.empty() && component != ".") components.emplace_back(component);
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return components;
}

// A path as far as it leads: the directory that holds its last component, and what is there.
struct Place {
  std::shared_ptr<Node> parent;  // nothing for the root itself
  std::string name;
  std::shared_ptr<Node> node;        // nothing when it is not there
  std::vector<std::string> missing;  // directories between parent and name that are not there
};

}  // namespace

auto guest_errno(int host_errno) noexcept -> Errno {
  constexpr int kLastHermitErrno = 133;
  return host_errno > 0 && host_errno <= kLastHermitErrno ? static_cast<Errno>(host_errno) : Errno::io;
}

class GuestFiles::Tree {
 public:
  explicit Tree(std::string temporary_parent) : temporary_parent_{std::move(temporary_parent)} {}
  Tree(const Tree&) = delete;
  auto operator=(const Tree&) -> Tree& = delete;
  ~Tree() { take_down(); }

  std::mutex mutex;

  auto root() -> const std::shared_ptr<Node>& { return root_; }

  auto make_node(decltype(Node::what) what) -> std::shared_ptr<Node> {
    return std::make_shared<Node>(Node{.what = std::move(what), .number = ++last_number_});
  }

  [[nodiscard]] auto can_make_entry() const -> bool { return guest_nodes_ < kMaxGuestNodes; }

  // Puts something into the tree that the guest makes.
  auto make_entry(const std::shared_ptr<Node>& parent, const std::string& name, decltype(Node::what) what)
      -> FileResult<std::shared_ptr<Node>> {
    if (!can_make_entry()) return fails(Errno::nospc);
    ++guest_nodes_;
    return parent->directory()->entries.emplace(name, make_node(std::move(what))).first->second;
  }

  void remove_entry(const std::shared_ptr<Node>& parent, const std::string& name) {
    parent->directory()->entries.erase(name);
    if (guest_nodes_ > 0) --guest_nodes_;
  }

  // Walks a path, and through the links on it; through one at its end only if `follow`.
  auto find(std::string_view path, bool follow) -> FileResult<Place> {
    if (path.size() >= kMaxPath) return fails(Errno::nametoolong);
    if (path.empty()) return fails(Errno::noent);
    std::vector<std::shared_ptr<Node>> way{root_};
    auto left = components_of(path);
    std::ranges::reverse(left);  // the next one last
    Place place{.parent = {}, .name = {}, .node = root_, .missing = {}};
    int links = 0;
    while (!left.empty()) {
      const auto name = std::move(left.back());
      left.pop_back();
      if (name == "..") {
        if (!place.node) return fails(Errno::noent);
        if (place.node->directory() == nullptr) return fails(Errno::notdir);
        if (way.size() > 1) way.pop_back();
        place = {.parent = {}, .name = {}, .node = way.back(), .missing = {}};
        continue;
      }
      if (name.size() > kMaxName) return fails(Errno::nametoolong);
      if (!place.node) {
        place.missing.push_back(std::exchange(place.name, name));
        continue;
      }
      auto* const directory = place.node->directory();
      if (directory == nullptr) return fails(Errno::notdir);
      place.parent = place.node;
      place.name = name;
      const auto found = directory->entries.find(name);
      place.node = found == directory->entries.end() ? nullptr : found->second;
      if (!place.node) continue;
      const auto* const link = std::get_if<Link>(&place.node->what);
      if (link == nullptr) {
        if (way.size() >= kMaxPath) return fails(Errno::nametoolong);
        if (place.node->directory() != nullptr) way.push_back(place.node);
        continue;
      }
      if (left.empty() && !follow) break;
      if (++links > kMaxLinks || left.size() > kMaxPath) return fails(Errno::loop);
      if (link->target.starts_with('/')) way.resize(1);
      auto target = components_of(link->target);
      left.insert(left.end(), target.rbegin(), target.rend());
      place = {.parent = {}, .name = {}, .node = way.back(), .missing = {}};
    }
    return place;
  }

  // The directory that a Place's last component is to be made in, with the missing ones made.
  auto make_parent(const Place& place) -> FileResult<std::shared_ptr<Node>> {
    if (!place.parent) return fails(Errno::exist);
    auto parent = place.parent;
    for (const auto& name : place.missing) {
      auto made = make_entry(parent, name, Directory{});
      if (!made) return made;
      parent = std::move(*made);
    }
    return parent;
  }

  // Puts something into the tree from outside, over what is there.
  void place(std::string_view path, decltype(Node::what) what) {
    auto parent = root_;
    const auto components = components_of(path);
    if (components.empty()) return;
    for (std::size_t i = 0; i + 1 < components.size(); ++i) {
      auto& next = parent->directory()->entries[components[i]];
      if (!next || next->directory() == nullptr) next = make_node(Directory{});
      parent = next;
    }
    auto& node = parent->directory()->entries[components.back()];
    const bool keeps_directory = node && node->directory() != nullptr && std::holds_alternative<Directory>(what);
    if (!keeps_directory) node = make_node(std::move(what));
  }

  auto private_directory() -> FileResult<int> {
    if (!private_directory_) private_directory_ = PrivateDirectory::make(temporary_parent_);
    if (!*private_directory_) return fails(guest_errno(private_directory_->error()));
    return (*private_directory_)->descriptor();
  }

  // What of the host is in use, with the private directory, if it can be made.
  auto open_paths() -> std::vector<walls::OpenPath> {
    if (!private_directory()) return {};
    return {{.descriptor = (*private_directory_)->descriptor(), .access = walls::OpenPath::Access::write},
            {.descriptor = (*private_directory_)->parent(), .access = walls::OpenPath::Access::clean_up}};
  }

  auto new_host_file(std::int32_t flags) -> FileResult<std::pair<HostFile, Descriptor>> {
    const auto directory = private_directory();
    if (!directory) return fails(directory.error());
    HostFile file{fmt::format("{}", ++host_file_count_)};
    constexpr mode_t kMode = 0600;
    Descriptor opened{::openat(*directory, file.name.c_str(), host_flags(flags) | O_CREAT | O_EXCL, kMode)};
    if (!opened.is_open()) return last_error();
    return std::pair{std::move(file), std::move(opened)};
  }

  auto open_host_file(const HostFile& file, std::int32_t flags) -> FileResult<Descriptor> {
    const auto kept = flags & ~(uhyve::kOpenCreate | uhyve::kOpenExclusive);
    Descriptor opened{::openat((*private_directory_)->descriptor(), file.name.c_str(), host_flags(kept))};
    if (!opened.is_open()) return last_error();
    return opened;
  }

  auto remove_host_file(const HostFile& file) -> FileResult<void> {
    if (::unlinkat((*private_directory_)->descriptor(), file.name.c_str(), 0) != 0) return last_error();
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

  auto close(std::int32_t descriptor) -> FileResult<void> {
    if (const auto file = open_file(descriptor); !file) return fails(file.error());
    open_files_[static_cast<std::size_t>(descriptor - kFirstDescriptor)].reset();
    return {};
  }

  auto attributes(const Node& node) -> FileResult<FileAttr> {
    FileAttr attributes{};
    attributes.st_ino = node.number;
    attributes.st_nlink = 1;
    attributes.st_blksize = kBlockSize;
    if (std::holds_alternative<Directory>(node.what)) {
      attributes.st_mode = S_IFDIR | 0755;
      attributes.st_nlink = 2;
    } else if (const auto* const image = std::get_if<ImageFile>(&node.what)) {
      attributes.st_mode = S_IFREG | (image->mode & 0555);
      attributes.st_size = static_cast<std::int64_t>(image->content.size());
    } else if (const auto* const link = std::get_if<Link>(&node.what)) {
      attributes.st_mode = S_IFLNK | 0777;
      attributes.st_size = static_cast<std::int64_t>(link->target.size());
    } else {
      struct stat status{};
      const auto& name = std::get<HostFile>(node.what).name;
      if (::fstatat((*private_directory_)->descriptor(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
        return last_error();
      add_host_attributes(attributes, status);
      return attributes;
    }
    attributes.st_blocks = (attributes.st_size + kStatBlockSize - 1) / kStatBlockSize;
    return attributes;
  }

  // What the guest may know of a file of its own; not which device or user of the host it is.
  static void add_host_attributes(FileAttr& attributes, const struct stat& status) {
    attributes.st_mode = S_IFREG | 0644;
    attributes.st_size = status.st_size;
    attributes.st_blocks = status.st_blocks;
    attributes.st_atim = timespec_of(status.st_atim);
    attributes.st_mtim = timespec_of(status.st_mtim);
    attributes.st_ctim = timespec_of(status.st_ctim);
  }

 private:
  // Level by level: left to itself, a directory would take down the one in it first, as deep as the guest has made
  // them, and the stack with it.
  void take_down() {
    std::vector<std::shared_ptr<Node>> left{std::move(root_)};
    while (!left.empty()) {
      const auto node = std::move(left.back());
      left.pop_back();
      auto* const directory = node->directory();
      if (directory == nullptr) continue;
      for (auto& [name, entry] : directory->entries) left.push_back(std::move(entry));
      directory->entries.clear();
    }
  }

  std::string temporary_parent_;
  std::uint64_t last_number_ = 0;
  std::size_t guest_nodes_ = 0;
  std::shared_ptr<Node> root_ = make_node(Directory{});
  std::vector<std::shared_ptr<OpenFile>> open_files_;
  std::optional<std::expected<PrivateDirectory, int>> private_directory_;  // nothing before it is needed
  std::uint64_t host_file_count_ = 0;
};

GuestFiles::GuestFiles(std::string temporary_parent) : tree_{std::make_unique<Tree>(std::move(temporary_parent))} {}
GuestFiles::GuestFiles(GuestFiles&&) noexcept = default;
GuestFiles::~GuestFiles() = default;

void GuestFiles::add_directory(std::string_view path) {
  tree_->place(path, Directory{});
}

void GuestFiles::add_file(std::string_view path, std::shared_ptr<const std::byte[]> content, std::size_t size,
                          std::uint32_t mode) {
  const std::span<const std::byte> bytes{content.get(), content ? size : 0};
  tree_->place(path, ImageFile{.content = bytes, .mode = mode, .owner = std::move(content)});
}

void GuestFiles::add_link(std::string_view path, std::string_view target) {
  tree_->place(path, Link{std::string{target}});
}

auto GuestFiles::open_paths() -> std::vector<walls::OpenPath> {
  const std::scoped_lock lock{tree_->mutex};
  return tree_->open_paths();
}

auto GuestFiles::top_directories() const -> std::vector<std::string> {
  const std::scoped_lock lock{tree_->mutex};
  std::vector<std::string> names;
  for (const auto& [name, node] : tree_->root()->directory()->entries) {
    if (node->directory() != nullptr) names.push_back("/" + name);
  }
  return names;
}

auto GuestFiles::open(std::string_view path, std::int32_t flags, std::int32_t /*mode*/) -> FileResult<std::int32_t> {
  flags &= uhyve::kOpenFlags;
  const bool creates = (flags & uhyve::kOpenCreate) != 0;
  const bool wants_directory = (flags & uhyve::kOpenDirectory) != 0;
  const bool writes = (flags & (uhyve::kOpenWriteOnly | uhyve::kOpenReadWrite | uhyve::kOpenTruncate)) != 0;
  if (creates && wants_directory) return fails(Errno::inval);

  const std::scoped_lock lock{tree_->mutex};
  if (!tree_->can_open()) return fails(Errno::mfile);
  const auto place = tree_->find(path, true);
  if (!place) return fails(place.error());
  if (!place->node) {
    if (!creates) return fails(Errno::noent);
    const auto parent = tree_->make_parent(*place);
    if (!parent) return fails(parent.error());
    if (!tree_->can_make_entry()) return fails(Errno::nospc);  // before there is a file that no name leads to
    auto made = tree_->new_host_file(flags);
    if (!made) return fails(made.error());
    auto node = tree_->make_entry(*parent, place->name, std::move(made->first));
    if (!node) return fails(node.error());
    return tree_->insert({.node = std::move(*node), .host = std::move(made->second)});
  }

  if (creates && (flags & uhyve::kOpenExclusive) != 0) return fails(Errno::exist);
  const auto& node = *place->node;
  if (const auto* const file = std::get_if<HostFile>(&node.what)) {
    if (wants_directory) return fails(Errno::notdir);
    auto opened = tree_->open_host_file(*file, flags);
    if (!opened) return fails(opened.error());
    return tree_->insert({.node = place->node, .host = std::move(*opened)});
  }
  const bool is_directory = std::holds_alternative<Directory>(node.what);
  if (writes) return fails(is_directory ? Errno::isdir : Errno::rofs);
  if (wants_directory && !is_directory) return fails(Errno::notdir);
  return tree_->insert({.node = place->node, .host = {}});
}

auto GuestFiles::close(std::int32_t descriptor) -> FileResult<void> {
  const std::scoped_lock lock{tree_->mutex};
  return tree_->close(descriptor);
}

auto GuestFiles::read(std::int32_t descriptor, std::span<const iovec> buffers) -> FileResult<std::uint64_t> {
  std::unique_lock lock{tree_->mutex};
  const auto file = tree_->open_file(descriptor);
  if (!file) return fails(file.error());
  if ((*file)->host.is_open()) {
    lock.unlock();  // the host may take its time
    const auto got = ::readv((*file)->host.get(), buffers.data(), static_cast<int>(buffers.size()));
    if (got < 0) return last_error();
    return static_cast<std::uint64_t>(got);
  }
  const auto* const image = std::get_if<ImageFile>(&(*file)->node->what);
  if (image == nullptr) return fails(Errno::isdir);
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
  std::unique_lock lock{tree_->mutex};
  const auto file = tree_->open_file(descriptor);
  if (!file) return fails(file.error());
  if (!(*file)->host.is_open()) return fails(Errno::badf);  // opened for reading, as all others are
  lock.unlock();
  const auto put = ::writev((*file)->host.get(), buffers.data(), static_cast<int>(buffers.size()));
  if (put < 0) return last_error();
  return static_cast<std::uint64_t>(put);
}

auto GuestFiles::lseek(std::int32_t descriptor, std::int64_t offset, std::int32_t whence) -> FileResult<std::int64_t> {
  const std::scoped_lock lock{tree_->mutex};
  const auto found = tree_->open_file(descriptor);
  if (!found) return fails(found.error());
  auto& file = **found;
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
    const auto* const image = std::get_if<ImageFile>(&file.node->what);
    if (image == nullptr) return fails(Errno::inval);
    base = static_cast<std::int64_t>(image->content.size());
  }
  std::int64_t result = 0;
  if (__builtin_add_overflow(base, offset, &result)) return fails(Errno::overflow);
  if (result < 0) return fails(Errno::inval);
  file.offset = static_cast<std::uint64_t>(result);
  return result;
}

auto GuestFiles::unlink(std::string_view path) -> FileResult<void> {
  const std::scoped_lock lock{tree_->mutex};
  const auto place = tree_->find(path, false);
  if (!place) return fails(place.error());
  if (!place->node) return fails(Errno::noent);
  if (place->node->directory() != nullptr) return fails(Errno::isdir);
  // What the image brought disappears from this guest's sight, not from the image.
  if (const auto* const file = std::get_if<HostFile>(&place->node->what)) {
    if (const auto removed = tree_->remove_host_file(*file); !removed) return removed;
  }
  tree_->remove_entry(place->parent, place->name);
  return {};
}

auto GuestFiles::mkdir(std::string_view path) -> FileResult<void> {
  const std::scoped_lock lock{tree_->mutex};
  const auto place = tree_->find(path, false);
  if (!place) return fails(place.error());
  if (place->node) return fails(Errno::exist);
  const auto parent = tree_->make_parent(*place);
  if (!parent) return fails(parent.error());
  if (const auto made = tree_->make_entry(*parent, place->name, Directory{}); !made) return fails(made.error());
  return {};
}

auto GuestFiles::stat(std::string_view path, bool follow_link) -> FileResult<FileAttr> {
  const std::scoped_lock lock{tree_->mutex};
  const auto place = tree_->find(path, follow_link);
  if (!place) return fails(place.error());
  if (!place->node) return fails(Errno::noent);
  return tree_->attributes(*place->node);
}

auto GuestFiles::fstat(std::int32_t descriptor) -> FileResult<FileAttr> {
  const std::scoped_lock lock{tree_->mutex};
  const auto file = tree_->open_file(descriptor);
  if (!file) return fails(file.error());
  if (!(*file)->host.is_open()) return tree_->attributes(*(*file)->node);
  // By descriptor, since its name may be gone.
  struct stat status{};
  if (::fstat((*file)->host.get(), &status) != 0) return last_error();
  FileAttr attributes{};
  attributes.st_ino = (*file)->node->number;
  attributes.st_nlink = status.st_nlink;
  attributes.st_blksize = kBlockSize;
  Tree::add_host_attributes(attributes, status);
  return attributes;
}

auto GuestFiles::getdents(std::int32_t descriptor, std::span<std::byte> buffer) -> FileResult<std::uint64_t> {
  const std::scoped_lock lock{tree_->mutex};
  const auto file = tree_->open_file(descriptor);
  if (!file) return fails(file.error());
  auto* const directory = (*file)->node->directory();
  if (directory == nullptr) return fails(Errno::notdir);

  std::uint64_t size = 0;
  std::uint64_t index = 0;
  for (const auto& [name, node] : directory->entries) {
    if (index++ < (*file)->offset) continue;
    constexpr std::size_t kAlignment = alignof(uhyve::v2::Dirent);
    const auto record = (uhyve::v2::kDirentNameAt + name.size() + 1 + kAlignment - 1) / kAlignment * kAlignment;
    if (record > buffer.size() - size) {
      if (size == 0) return fails(Errno::inval);
      break;
    }
    const uhyve::v2::Dirent entry{.d_ino = node->number,
                                  .d_off = static_cast<std::int64_t>(index),
                                  .d_reclen = static_cast<std::uint16_t>(record),
                                  .d_type = type_of(*node)};
    const auto target = buffer.subspan(size, record);
    std::ranges::fill(target, std::byte{});
    std::memcpy(target.data(), &entry, uhyve::v2::kDirentNameAt);
    std::memcpy(target.data() + uhyve::v2::kDirentNameAt, name.data(), name.size());
    size += record;
    (*file)->offset = index;
  }
  return size;
}

}  // namespace hermitage::vmm
