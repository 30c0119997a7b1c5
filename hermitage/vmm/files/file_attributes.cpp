#include "hermitage/vmm/files/file_attributes.hpp"

#include <cstdint>
#include <variant>

namespace hermitage::vmm {
namespace {

namespace uhyve = entry::uhyve;
using uhyve::v2::FileAttr;

constexpr std::int64_t kBlockSize = 4096;
constexpr std::int64_t kStatBlockSize = 512;

auto timespec_of(const timespec& time) -> uhyve::v2::Timespec {
  return {.tv_sec = time.tv_sec, .tv_nsec = static_cast<std::int32_t>(time.tv_nsec)};
}

}  // namespace

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

auto attributes_of(const Node& node, const struct stat& status) -> FileAttr {
  auto attributes = attributes_of(status);
  attributes.st_ino = node.number;
  attributes.st_mode = S_IFREG | 0644;
  return attributes;
}

auto attributes_of(const Node& node) -> FileAttr {
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
  }
  attributes.st_blocks = (attributes.st_size + kStatBlockSize - 1) / kStatBlockSize;
  return attributes;
}

}  // namespace hermitage::vmm
