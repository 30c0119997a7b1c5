// The files that a guest can see, and those it has open.
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
#include "hermitage/vmm/isolation/landlock.hpp"

namespace hermitage::vmm {

using base::FileMapping;

struct GuestFileOptions {
  std::string temporary_parent;                            // where the private directory is made, once it is needed
  std::uint64_t temporary_limit = std::uint64_t{1} << 30;  // bytes, of all files in it together
  bool bypasses_cache = false;                             // O_DIRECT for all files that are opened
  bool is_synchronous = false;                             // O_SYNC
};

// A tree of directories of the guest's own. There are in it
//  - files that a packed image brought along, which can only be read;
//  - files and directories of the host's that are mapped there;
//  - what the guest makes elsewhere, files of which live in a private directory (mode 0700) on the host until this
//    object goes away.
// Paths are the guest's: relative ones begin at /, and `.`, `..` and symbolic links, those of mapped directories, too,
// are resolved within the tree. Nothing else of the host's is reached by any of them.
//
// Descriptors 0, 1 and 2 are the guest's standard streams and not here: see Hypercalls. Every function may be called
// from any thread, except those that build the tree, which come before the guest runs.
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

  // Build the tree; directories above are made. A path that is there already is replaced.
  void add_directory(std::string_view path);
  void add_file(std::string_view path, std::shared_ptr<const std::byte[]> content, std::size_t size,
                std::uint32_t mode);
  void add_link(std::string_view path, std::string_view target);
  // Mapped directories hide what the tree has there, and may lie in one another, whichever comes first. Fails with
  // host_failed when the host's path cannot be mapped, and with configuration when the guest's is no path for one, or
  // two are the same.
  [[nodiscard]] auto add_mappings(std::vector<FileMapping> mappings) -> Result<void>;

  // The names of the directories at the top of the tree: "/etc". A kernel mounts each of them.
  [[nodiscard]] auto top_directories() const -> std::vector<std::string>;

  // What of the host's is needed while the guest runs, open as long as this object is there: what is mapped, and the
  // private directory, which is made now, and not only once the guest makes a file; should that fail, the
  // guest is told then.
  [[nodiscard]] auto open_paths() -> std::vector<isolation::OpenPath>;

  // As the system calls of these names. `flags` are those of entry::uhyve, others are dropped. Outside of mapped
  // directories, creating something in a directory that is not there makes the directory, as Uhyve does.
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
  // Fills the buffer with whole records of entry::uhyve::v2::Dirent, each padded to 8 bytes, of all but `.` and `..`;
  // 0 at the directory's end. What is made or removed meanwhile may be missing, but nothing else is.
  [[nodiscard]] auto getdents(std::int32_t descriptor, std::span<std::byte> buffer) -> FileResult<std::uint64_t>;

 private:
  class State;

  std::unique_ptr<State> state_;
};

}  // namespace hermitage::vmm
