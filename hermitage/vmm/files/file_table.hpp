// The files that a guest has open, by the numbers that it knows them by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/files/file_result.hpp"
#include "hermitage/vmm/files/guest_tree.hpp"

namespace hermitage::vmm {

// What opening a file gives. Nobody changes it while the file is open.
struct Opened {
  std::shared_ptr<Node> node = {};  // of the tree's; nothing for what only the host has
  Descriptor host = {};             // of the host's; closed for what only the tree has
  bool appends = false;
  bool is_directory = false;
};

struct OpenFile : Opened {
  explicit OpenFile(Opened opened) noexcept : Opened{std::move(opened)} {}

  // Guards what follows and, in a directory, the position of `host`. In a mapped file the host keeps the position.
  std::mutex mutex;
  std::uint64_t offset = 0;  // of an ImageFile or a TemporaryFile in bytes, of a Directory of the tree in names
  std::string listed;        // the last of these names that getdents has given
};

// Every function may be called from any thread. None makes a system call on a file while it holds the lock: closing a
// file takes as long as its file system likes.
class FileTable {
 public:
  static constexpr int kFirstDescriptor = 3;
  static constexpr std::size_t kMaxOpenFiles = 1024;

  // Takes the lowest free number, as POSIX requires, for a file that is about to be opened: then either fill() or
  // release() it. EMFILE when all are taken.
  [[nodiscard]] auto reserve() -> FileResult<std::int32_t>;
  void fill(std::int32_t descriptor, Opened opened);
  void release(std::int32_t descriptor);

  // EBADF for a number that is free or only reserved.
  [[nodiscard]] auto find(std::int32_t descriptor) const -> FileResult<std::shared_ptr<OpenFile>>;
  // Frees the number. Calls that use the file at the moment go on; the last of them closes it.
  [[nodiscard]] auto close(std::int32_t descriptor) -> FileResult<void>;

 private:
  struct Slot {
    bool is_free = true;
    std::shared_ptr<OpenFile> file = {};  // nothing while it is only reserved
  };

  // Precondition of both: the caller holds the lock.
  [[nodiscard]] auto file_of(std::int32_t descriptor) const -> FileResult<std::shared_ptr<OpenFile>>;
  [[nodiscard]] auto slot(std::int32_t descriptor) -> Slot& {
    return slots_[static_cast<std::size_t>(descriptor - kFirstDescriptor)];
  }

  mutable std::mutex mutex_;  // guards slots_
  std::vector<Slot> slots_;
};

}  // namespace hermitage::vmm
