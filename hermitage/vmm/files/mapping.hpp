// A file or directory of the host's that the guest is to see, and the way into it that leads nowhere else.
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

// Opens what a directory has by this name, as openat2(2) does when it is told to follow no link whatever, not even one
// of procfs, and to stay below the directory. `flags` are those of the host; O_CLOEXEC, O_NOFOLLOW, O_NOCTTY and
// O_NONBLOCK are added, so that a pipe that has no other end keeps nobody waiting.
[[nodiscard]] auto open_beneath(int directory, const char* path, int flags, mode_t mode = 0) -> FileResult<Descriptor>;

// The same, for a file that is to be read or written: EACCES when it is neither a file nor a directory, as pipes,
// sockets and devices are, or lies in procfs.
[[nodiscard]] auto open_file_beneath(int directory, const char* path, int flags, mode_t mode) -> FileResult<Descriptor>;

// What a link says, which is open as O_PATH.
[[nodiscard]] auto link_target(const Descriptor& link) -> FileResult<std::string>;

// A mapped directory. The host's path is resolved once, when it is opened, and then known by its descriptor only.
class Mapping {
 public:
  Mapping(Descriptor directory, bool is_read_only) noexcept
      : directory_{std::move(directory)}, is_read_only_{is_read_only} {}

  [[nodiscard]] auto is_read_only() const noexcept -> bool { return is_read_only_; }
  [[nodiscard]] auto directory() const noexcept -> int { return directory_.get(); }

  // What of the host's the guest needs for it.
  [[nodiscard]] auto open_path() const -> isolation::OpenPath;

 private:
  Descriptor directory_;
  bool is_read_only_;
};

// One `--file-mapping`.
using DirectoryOrFile = std::variant<std::shared_ptr<const Mapping>, std::shared_ptr<HostFile>>;

// A path that leads to nothing is one of a file that is not there yet, when its directory is. Fails with host_failed
// when that is not there either, or the path leads to something else than a file or directory, or into a
// PrivateDirectory.
[[nodiscard]] auto open_mapping(const std::string& host_path, bool is_read_only) -> Result<DirectoryOrFile>;

}  // namespace hermitage::vmm
