// A single mapped file of the host.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/files/file_result.hpp"
#include "hermitage/vmm/isolation/landlock.hpp"

namespace hermitage::vmm {

// A name in a directory of the host, and the file that the guest accesses by it. This is the file that exists when the
// mapping is opened. If there is none, it is the first file that the guest or the host creates there. A descriptor
// identifies the file. Under isolation, it can only be opened by its name, and is then compared: ESTALE if a process on
// the host has replaced it. Links are not followed.
//
// Any thread can call any function. The lock is held while the host opens the file: no other file needs this lock.
class HostFile {
 public:
  // `directory` and `file` are open as O_PATH. `file` is closed if there is no such file.
  HostFile(Descriptor directory, std::string name, Descriptor file, bool is_read_only) noexcept
      : directory_{std::move(directory)}, name_{std::move(name)}, is_read_only_{is_read_only}, file_{std::move(file)} {}

  [[nodiscard]] auto is_read_only() const noexcept -> bool { return is_read_only_; }

  // ENOENT if the file does not exist now.
  [[nodiscard]] auto status() -> FileResult<struct stat>;
  // As open(2), with flags of the host. The flags of open_beneath() are added. EROFS if a read-only mapping would be
  // written or created.
  [[nodiscard]] auto open(int flags, mode_t mode) -> FileResult<Descriptor>;
  // Removes the file from the host, too. EROFS for a read-only mapping.
  [[nodiscard]] auto unlink() -> FileResult<void>;

  // The paths of the host that the guest needs for this file. Removing a file needs a right on the directory. Creating
  // a file needs that, too. Landlock has no rules for names, so it also needs the right to read and write all other
  // files in the directory. That right is requested only if the file does not exist yet.
  [[nodiscard]] auto open_paths() const -> std::vector<isolation::OpenPath>;

 private:
  // Precondition of all: the caller holds the lock.
  [[nodiscard]] auto find() -> FileResult<struct stat>;
  [[nodiscard]] auto make(int flags, mode_t mode) -> FileResult<Descriptor>;
  [[nodiscard]] auto open_found(int flags) -> FileResult<Descriptor>;
  [[nodiscard]] auto open_same(int flags) -> FileResult<Descriptor>;

  const Descriptor directory_;
  const std::string name_;
  const bool is_read_only_;

  std::mutex mutex_;  // protects file_; held while the file of that name is opened, created or removed
  Descriptor file_;
};

}  // namespace hermitage::vmm
