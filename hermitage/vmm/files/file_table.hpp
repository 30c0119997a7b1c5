// The open files of a guest, by their descriptor numbers.
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

// The result of opening a file. It does not change while the file is open.
struct Opened {
  std::shared_ptr<Node> node = {};  // the node in the tree; null for a file that exists only on the host
  Descriptor host = {};             // the file on the host; closed for a file that exists only in the tree
  bool appends = false;
  bool is_directory = false;
  std::string path = {};   // as the guest has named it
  std::int32_t flags = 0;  // as the guest has opened it, of entry::uhyve
};

struct OpenFile : Opened {
  explicit OpenFile(Opened opened) noexcept : Opened{std::move(opened)} {}

  // Protects the following members and, for a directory, the position of `host`. For a mapped file, the host keeps the
  // position.
  std::mutex mutex;
  std::uint64_t offset = 0;  // of an ImageFile or a TemporaryFile in bytes, of a Directory of the tree in names
  std::string listed;        // the last name that getdents has returned
};

// Any thread can call any function. No function makes a system call on a file while it holds the lock, because the time
// that a file system needs to close a file has no limit.
class FileTable {
 public:
  static constexpr int kFirstDescriptor = 3;
  static constexpr std::size_t kMaxOpenFiles = 1024;

  // Reserves the lowest free number, as POSIX requires, for a file to open. Call fill() or release() after it. EMFILE
  // if all numbers are in use.
  [[nodiscard]] auto reserve() -> FileResult<std::int32_t>;
  void fill(std::int32_t descriptor, Opened opened);
  void release(std::int32_t descriptor);

  // Sets the file of a number that is in use in no other way. The table has at least this many numbers after it. EMFILE
  // if the number is not one of a table.
  [[nodiscard]] auto restore(std::int32_t descriptor, std::shared_ptr<OpenFile> file) -> FileResult<void>;
  // All open files, by their numbers.
  [[nodiscard]] auto all() const -> std::vector<std::pair<std::int32_t, std::shared_ptr<OpenFile>>>;

  // EBADF for a number that is free or only reserved.
  [[nodiscard]] auto find(std::int32_t descriptor) const -> FileResult<std::shared_ptr<OpenFile>>;
  // Frees the number. Current operations on the file continue; the last one closes the file.
  [[nodiscard]] auto close(std::int32_t descriptor) -> FileResult<void>;

 private:
  struct Slot {
    bool is_free = true;
    std::shared_ptr<OpenFile> file = {};  // null while the number is only reserved
  };

  // Precondition of both: the caller holds the lock.
  [[nodiscard]] auto file_of(std::int32_t descriptor) const -> FileResult<std::shared_ptr<OpenFile>>;
  [[nodiscard]] auto slot(std::int32_t descriptor) -> Slot& {
    return slots_[static_cast<std::size_t>(descriptor - kFirstDescriptor)];
  }

  mutable std::mutex mutex_;  // protects slots_
  std::vector<Slot> slots_;
};

}  // namespace hermitage::vmm
