// The files of a guest in a snapshot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace hermitage::vmm {

// The file of the host to which an open file belongs. All zeros for a file outside mappings.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;     // bytes
  std::int64_t modified = 0;  // seconds since 1970
  std::uint64_t modified_ns = 0;

  friend auto operator==(const FileIdentity&, const FileIdentity&) -> bool = default;
};

struct SavedOpenFile {
  std::int32_t descriptor = 0;
  std::string path = {};
  std::int32_t flags = 0;    // of entry::uhyve
  std::uint64_t offset = 0;  // bytes
  bool is_on_host = false;   // in a mapping
  FileIdentity identity = {};

  friend auto operator==(const SavedOpenFile&, const SavedOpenFile&) -> bool = default;
};

// A name in the guest's tree, outside mappings.
struct SavedNode {
  enum class Kind : std::uint8_t {
    directory = 0,
    image_file = 1,  // read-only
    link = 2,
    private_file = 3,  // the guest has created it
  };

  Kind kind = Kind::directory;
  std::string path = {};
  std::uint32_t mode = 0;   // of an image file
  std::string target = {};  // of a link
  std::span<const std::byte> content = {};
  std::shared_ptr<const std::byte[]> owner = {};  // of the content
};

struct SavedMapping {
  std::string path = {};  // the guest's
  bool is_read_only = false;

  friend auto operator==(const SavedMapping&, const SavedMapping&) -> bool = default;
};

struct SavedFiles {
  std::vector<SavedMapping> mappings = {};
  std::vector<SavedNode> nodes = {};  // each directory before its content
  std::vector<SavedOpenFile> open = {};
};

}  // namespace hermitage::vmm
