#include "hermitage/vmm/files/guest_files.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <ranges>
#include <set>
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
#include "hermitage/vmm/files/guest_files_state.hpp"

namespace hermitage::vmm {
namespace {

namespace uhyve = entry::uhyve;
using uhyve::v2::FileAttr;

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

// The result of a system call that reads or writes.
auto transferred(ssize_t result) -> FileResult<std::uint64_t> {
  if (result < 0) return last_error();
  return static_cast<std::uint64_t>(result);
}

}  // namespace

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
