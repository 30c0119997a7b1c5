#include "hermitage/vmm/files/directory_listing.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <variant>

#include <sys/syscall.h>
#include <unistd.h>

#include "hermitage/entry/uhyve_interface.hpp"
#include "hermitage/vmm/files/private_directory.hpp"

namespace hermitage::vmm {
namespace {

namespace uhyve = entry::uhyve;
using uhyve::v2::FileType;

auto type_of(const Node& node) -> FileType {
  if (std::holds_alternative<Directory>(node.what)) return FileType::directory;
  if (std::holds_alternative<Link>(node.what)) return FileType::symbolic_link;
  return FileType::regular_file;
}

// The buffer that getdents fills.
class DirectoryListing {
 public:
  explicit DirectoryListing(std::span<std::byte> buffer) : left_{buffer} {}

  [[nodiscard]] auto size() const -> std::uint64_t { return size_; }

  // Returns false if the entry does not fit.
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
  std::int64_t next;  // the position after this entry
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

// Whether this is a mapped single file that does not exist on the host.
auto is_missing(const Node& node) -> bool {
  const auto* const file = std::get_if<std::shared_ptr<HostFile>>(&node.what);
  if (file == nullptr) return false;
  const auto status = (*file)->status();
  return !status && status.error() == Errno::noent;
}

// Lists the names of the tree after the last one returned. Returns false if one does not fit. The names are copied from
// the tree before they are written, because the guest memory can be a slow file.
auto list_tree(const GuestTree& tree, OpenFile& file, DirectoryListing& listing) -> bool {
  constexpr std::size_t kBatch = 64;
  for (;;) {
    const auto entries = tree.entries_behind(*file.node->directory(), file.listed, kBatch);
    for (const auto& [name, node] : entries) {
      if (is_missing(*node)) continue;
      const auto next = static_cast<std::int64_t>(file.offset) + 1;
      if (!listing.add(name, node->number, next, type_of(*node))) return false;
      ++file.offset;
      file.listed = name;
    }
    if (entries.size() < kBatch) return true;
    file.listed = entries.back().name;
  }
}

// Lists the names on the host, except for hidden ones. Returns false if one does not fit.
auto list_host(const GuestTree& tree, OpenFile& file, DirectoryListing& listing) -> FileResult<bool> {
  constexpr std::size_t kBatch = 4096;
  const auto is_hidden = [&](std::string_view name) {
    return name == "." || name == ".." || is_private_name(name) ||
           (file.node && tree.entry(*file.node->directory(), name));
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
        // The next call returns the rest of the batch.
        if (::lseek(file.host.get(), last, SEEK_SET) < 0) return last_error();
        return false;
      }
      last = entry.next;
    }
  }
}

}  // namespace

auto list_directory(const GuestTree& tree, OpenFile& directory, std::span<std::byte> buffer)
    -> FileResult<std::uint64_t> {
  DirectoryListing listing{buffer};
  bool fits = !directory.node || list_tree(tree, directory, listing);
  if (fits && directory.host.is_open()) {
    const auto listed = list_host(tree, directory, listing);
    if (!listed) return fails(listed.error());
    fits = *listed;
  }
  if (!fits && listing.size() == 0) return fails(Errno::inval);
  return listing.size();
}

// A directory can only be listed again from its start. Only getdents knows other positions.
auto rewind_directory(OpenFile& directory, std::int64_t offset, std::int32_t whence) -> FileResult<std::int64_t> {
  if (offset != 0 || whence != uhyve::kSeekSet) return fails(Errno::inval);
  directory.offset = 0;
  directory.listed.clear();
  if (directory.host.is_open() && ::lseek(directory.host.get(), 0, SEEK_SET) != 0) return last_error();
  return 0;
}

}  // namespace hermitage::vmm
