// The file of a new snapshot, which appears under its name when it is complete.
#pragma once

#include <string>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/launch/file_error.hpp"

namespace hermitage::launch {

// A file without a name (O_TMPFILE), or with a temporary one where the file system has no such files. Nothing is left
// of it if this process ends before publish(), in any way. (A temporary name is removed by a helper process.)
//
// publish() works in a sandbox: a helper process, which is started before, names the file. It does nothing else, gets
// no data but a byte, and ends after that, or when this process ends. It ignores SIGINT, SIGTERM, SIGHUP, SIGQUIT and
// SIGUSR2.
class SnapshotFile {
 public:
  // Creates the file in the directory of `path`, with mode 0600: it contains the guest's memory. Call this before other
  // threads are started.
  [[nodiscard]] static auto create(const std::string& path) -> OrFileError<SnapshotFile>;

  // The file, empty and open for writing. It stays open for the helper.
  [[nodiscard]] auto release() noexcept -> base::Descriptor { return std::move(file_); }
  // Writes the file to the disk, and replaces `path` by it. Call this once, in a thread in which SIGPIPE is blocked or
  // ignored.
  [[nodiscard]] auto publish() const -> OrFileError<void>;

 private:
  SnapshotFile(base::Descriptor file, base::Descriptor helper) noexcept
      : file_{std::move(file)}, helper_{std::move(helper)} {}

  base::Descriptor file_;
  base::Descriptor helper_;  // a socket
};

}  // namespace hermitage::launch
