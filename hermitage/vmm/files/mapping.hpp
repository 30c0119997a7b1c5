// A file or directory of the host that the guest sees, and functions that open files without leaving it.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/files/file_result.hpp"
#include "hermitage/vmm/files/host_file.hpp"
#include "hermitage/vmm/isolation/landlock.hpp"

namespace hermitage::vmm {

// Opens a path in a directory, as openat2(2) does if it must not follow any link, including those of procfs, and must
// stay below the directory. `flags` are those of the host. O_CLOEXEC, O_NOFOLLOW, O_NOCTTY and O_NONBLOCK are added, so
// that opening a pipe without another end does not block.
[[nodiscard]] auto open_beneath(int directory, const char* path, int flags, mode_t mode = 0) -> FileResult<Descriptor>;

// The same, for a file to read or write. EACCES if it is neither a file nor a directory (such as a pipe, a socket or a
// device), or is in procfs.
[[nodiscard]] auto open_file_beneath(int directory, const char* path, int flags, mode_t mode) -> FileResult<Descriptor>;

// The target of a link that is open as O_PATH.
[[nodiscard]] auto link_target(const Descriptor& link) -> FileResult<std::string>;

// A mapped directory. The path on the host is resolved once, when it is opened. After that, only the descriptor is
// used.
class Mapping {
 public:
  Mapping(Descriptor directory, bool is_read_only) noexcept
      : directory_{std::move(directory)}, is_read_only_{is_read_only} {}

  [[nodiscard]] auto is_read_only() const noexcept -> bool { return is_read_only_; }
  [[nodiscard]] auto directory() const noexcept -> int { return directory_.get(); }

  // The path of the host that the guest needs for this mapping.
  [[nodiscard]] auto open_path() const -> isolation::OpenPath;

 private:
  Descriptor directory_;
  bool is_read_only_;
};

// The value of one `--file-mapping`.
using DirectoryOrFile = std::variant<std::shared_ptr<const Mapping>, std::shared_ptr<HostFile>>;

// If the path does not exist but its parent directory does, it is a file that does not exist yet. Fails with
// host_failed if the parent directory does not exist, if the path is neither a file nor a directory, or if it is in a
// PrivateDirectory.
[[nodiscard]] auto open_mapping(const std::string& host_path, bool is_read_only) -> Result<DirectoryOrFile>;

}  // namespace hermitage::vmm
