// Files that a guest creates outside mappings, and the space available for them.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>

#include "hermitage/entry/compiler.hpp"
#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/files/file_result.hpp"

namespace hermitage::vmm {

// The space for all files together, in bytes. Any thread can call any function.
class Room {
 public:
  explicit Room(std::uint64_t size) noexcept : left_{size} {}

  // Takes at most `size` bytes, as far as available. Returns the number of bytes taken.
  [[nodiscard]] auto take(std::uint64_t size) noexcept -> std::uint64_t;
  void give_back(std::uint64_t size) noexcept { left_ += size; }

 private:
  std::atomic<std::uint64_t> left_;
};

// A file in a PrivateDirectory, identified by its name there. Its size counts, not the space that the host has
// allocated, so holes count, too. It counts until the last descriptor of the file is closed.
class TemporaryFile {
 public:
  TemporaryFile(std::string name, std::shared_ptr<Room> room) noexcept
      : name_{std::move(name)}, room_{std::move(room)} {}
  TemporaryFile(const TemporaryFile&) = delete;
  auto operator=(const TemporaryFile&) -> TemporaryFile& = delete;
  ~TemporaryFile() { room_->give_back(size_); }

  [[nodiscard]] auto name() const noexcept HERMITAGE_LIFETIMEBOUND -> const std::string& { return name_; }

  // `flags` are those of the host. O_CREAT is used only to create the file, and O_APPEND never: see write().
  [[nodiscard]] auto open(int directory, int flags) -> FileResult<Descriptor>;

  // Returns bytes.
  [[nodiscard]] auto size() const -> std::uint64_t;

  // Writes to this file, which `opened` refers to, at `offset` or at its end, as far as space is available. ENOSPC if
  // there is no space. Returns the number of bytes, and sets `offset` to their end. The checked position is the written
  // position, whatever other threads do. With O_APPEND, Linux would write at the end instead.
  [[nodiscard]] auto write(const Descriptor& opened, std::uint64_t& offset, bool appends,
                           std::span<const iovec> buffers) -> FileResult<std::uint64_t>;

 private:
  std::string name_;
  std::shared_ptr<Room> room_;
  mutable std::mutex mutex_;  // protects size_; held during operations that change the size on the host
  std::uint64_t size_ = 0;
};

}  // namespace hermitage::vmm
