// A file of the host's that is mapped by itself.
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

// A name in a directory of the host, and the file that the guest knows by it: the one that is there when the mapping is
// opened or, where there is none, the first that the guest or the host makes there. The file is known by a descriptor.
// It is opened by its name, since there is no other way under isolation, and compared: ESTALE when a process on the
// host has put something else there. No link is followed.
//
// Every function may be called from any thread. The lock is held while the host opens the file: no other file needs it.
class HostFile {
 public:
  // `directory` and `file` are open as O_PATH; `file` is closed when there is none.
  HostFile(Descriptor directory, std::string name, Descriptor file, bool is_read_only) noexcept
      : directory_{std::move(directory)}, name_{std::move(name)}, is_read_only_{is_read_only}, file_{std::move(file)} {}

  // ENOENT when there is no such file now.
  [[nodiscard]] auto status() -> FileResult<struct stat>;
  // As open(2), with flags of the host; those of open_beneath() are added. EROFS for writing or making one that is
  // mapped to be read only.
  [[nodiscard]] auto open(int flags, mode_t mode) -> FileResult<Descriptor>;
  // From the host, too. EROFS likewise.
  [[nodiscard]] auto unlink() -> FileResult<void>;

  // What of the host's the guest needs for it. Removing a file takes a right on the directory. So does making one and,
  // since Landlock knows no names, reading and writing it, with all other files there: that is asked for only where the
  // file is not there yet.
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

  std::mutex mutex_;  // guards file_, and that it is the file by that name while it is opened, made or removed
  Descriptor file_;
};

}  // namespace hermitage::vmm
