// The files that a guest can see, and its open files.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/base/file_mapping.hpp"
#include "hermitage/entry/uhyve_interface.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/files/file_table.hpp"
#include "hermitage/vmm/files/guest_tree.hpp"
#include "hermitage/vmm/files/mapping.hpp"
#include "hermitage/vmm/files/saved_files.hpp"
#include "hermitage/vmm/isolation/landlock.hpp"

namespace hermitage::vmm {

using base::FileMapping;

struct GuestFileOptions {
  std::string temporary_parent;                            // the private directory is made here when it is needed
  std::uint64_t temporary_limit = std::uint64_t{1} << 30;  // in bytes, for all files in the private directory together
  bool bypasses_cache = false;                             // O_DIRECT for all files that are opened
  bool is_synchronous = false;                             // O_SYNC
};

// The guest's file tree. It contains
//  - files of a packed image, which are read-only;
//  - mapped files and directories of the host;
//  - files and directories that the guest creates elsewhere. These files are stored in a private directory (mode 0700)
//    on the host until this object is destroyed.
// Paths are those of the guest. Relative paths start at /. `.`, `..` and symbolic links, including links in mapped
// directories, are resolved in the tree. No path reaches another file of the host.
//
// Descriptors 0, 1 and 2 are the guest's standard streams, which Hypercalls handles. Any thread can call any function,
// except for the functions that build the tree: call those before the guest runs.
class GuestFiles {
 public:
  static constexpr int kFirstDescriptor = FileTable::kFirstDescriptor;
  static constexpr std::size_t kMaxOpenFiles = FileTable::kMaxOpenFiles;
  static constexpr std::size_t kMaxPath = GuestTree::kMaxPath;
  static constexpr std::size_t kMaxGuestNodes = GuestTree::kMaxGuestNodes;  // outside mapped directories

  explicit GuestFiles(GuestFileOptions options);
  explicit GuestFiles(std::string temporary_parent);
  GuestFiles(GuestFiles&&) noexcept;
  auto operator=(GuestFiles&&) -> GuestFiles& = delete;
  ~GuestFiles();

  // These functions build the tree. They make missing parent directories, and replace an existing path.
  void add_directory(std::string_view path);
  void add_file(std::string_view path, std::shared_ptr<const std::byte[]> content, std::size_t size,
                std::uint32_t mode);
  void add_link(std::string_view path, std::string_view target);
  // A mapped directory hides the content of the tree at its path, which can be /. Mapped directories can be nested, in
  // any order. Fails with host_failed if a path of the host cannot be mapped, and with configuration if a path of the
  // guest is invalid or occurs twice, or if a file is mapped at /.
  [[nodiscard]] auto add_mappings(std::vector<FileMapping> mappings) -> Result<void>;

  // The paths of the directories at the top of the tree, such as "/etc", and of links to directories. A kernel mounts
  // each of them. If a directory of the host is mapped at /, its own /dev, /proc, /sys and /tmp are left out: a kernel
  // has such directories itself, and cannot mount another one there.
  [[nodiscard]] auto top_directories() const -> std::vector<std::string>;

  // The paths of the host that the guest needs while it runs: the mappings and the private directory. They stay open as
  // long as this object exists. Makes the private directory now, not when the guest creates its first file. If that
  // fails, the guest gets the error when it creates a file.
  [[nodiscard]] auto open_paths() -> std::vector<isolation::OpenPath>;

  // The content of all files that the guest has created, in bytes, that a snapshot can contain.
  static constexpr std::uint64_t kMaxSavedContent = std::uint64_t{64} << 20;

  // The state for a snapshot. No thread may call another function at the same time. Fails with configuration, and names
  // the file, if there is one that cannot be saved: an open directory, an open file without a name, or more content
  // than kMaxSavedContent.
  [[nodiscard]] auto save() -> Result<SavedFiles>;
  // Makes the tree, and opens the files, before the guest runs. The mappings must have been added. A file of the host
  // that is not the same as before, by its FileIdentity, is an error unless `accepts_changed`. Fails with configuration
  // if a mapping or a file is missing or is different, and with image if the snapshot is malformed.
  [[nodiscard]] auto restore(const SavedFiles& saved, bool accepts_changed) -> Result<void>;

  // As the system calls of these names. `flags` are those of entry::uhyve; other flags are ignored. Outside mapped
  // directories, creating a file makes its missing parent directories, as Uhyve does.
  [[nodiscard]] auto open(std::string_view path, std::int32_t flags, std::int32_t mode) -> FileResult<std::int32_t>;
  [[nodiscard]] auto close(std::int32_t descriptor) -> FileResult<void>;
  [[nodiscard]] auto read(std::int32_t descriptor, std::span<const iovec> buffers) -> FileResult<std::uint64_t>;
  [[nodiscard]] auto write(std::int32_t descriptor, std::span<const iovec> buffers) -> FileResult<std::uint64_t>;
  [[nodiscard]] auto lseek(std::int32_t descriptor, std::int64_t offset, std::int32_t whence)
      -> FileResult<std::int64_t>;
  [[nodiscard]] auto unlink(std::string_view path) -> FileResult<void>;
  [[nodiscard]] auto mkdir(std::string_view path) -> FileResult<void>;
  [[nodiscard]] auto stat(std::string_view path, bool follow_link) -> FileResult<entry::uhyve::v2::FileAttr>;
  [[nodiscard]] auto fstat(std::int32_t descriptor) -> FileResult<entry::uhyve::v2::FileAttr>;
  // Fills the buffer with complete records of entry::uhyve::v2::Dirent, each padded to 8 bytes, without `.` and `..`.
  // Returns 0 at the end of the directory. Only names that are created or removed between calls can be missing.
  [[nodiscard]] auto getdents(std::int32_t descriptor, std::span<std::byte> buffer) -> FileResult<std::uint64_t>;

 private:
  class State;

  std::unique_ptr<State> state_;
};

}  // namespace hermitage::vmm
