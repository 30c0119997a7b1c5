// Files that a guest makes where nothing of the host's is mapped, and the room that there is for them.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/files/file_result.hpp"

namespace hermitage::vmm {

// How much all files together may hold, in bytes. Every function may be called from any thread.
class Room {
 public:
  explicit Room(std::uint64_t size) noexcept : left_{size} {}

  // As much of it as there is still.
  [[nodiscard]] auto take(std::uint64_t size) noexcept -> std::uint64_t;
  void give_back(std::uint64_t size) noexcept { left_ += size; }

 private:
  std::atomic<std::uint64_t> left_;
};

// A file of a PrivateDirectory, known by its name there. Its size counts, and not what of it the host has stored, so
// that one with holes takes as much room as one without. It counts until nobody has it open any more.
class TemporaryFile {
 public:
  TemporaryFile(std::string name, std::shared_ptr<Room> room) noexcept
      : name_{std::move(name)}, room_{std::move(room)} {}
  TemporaryFile(const TemporaryFile&) = delete;
  auto operator=(const TemporaryFile&) -> TemporaryFile& = delete;
  ~TemporaryFile() { room_->give_back(size_); }

  [[nodiscard]] auto name() const noexcept -> const std::string& { return name_; }

  // `flags` are those of the host; O_CREAT only to make it, and never O_APPEND: see write().
  [[nodiscard]] auto open(int directory, int flags) -> FileResult<Descriptor>;

  // In bytes.
  [[nodiscard]] auto size() const -> std::uint64_t;

  // To this file, which `opened` is, at `offset` or at the file's end: as much as there is room for, ENOSPC if there is
  // none. Returns how much, and sets `offset` to where it ends. The place that is checked against the room is the place
  // that is written to, whatever other threads do: Linux would append to a descriptor that has O_APPEND.
  [[nodiscard]] auto write(const Descriptor& opened, std::uint64_t& offset, bool appends,
                           std::span<const iovec> buffers) -> FileResult<std::uint64_t>;

 private:
  std::string name_;
  std::shared_ptr<Room> room_;
  mutable std::mutex mutex_;  // guards size_ and, so that it stays right, what changes the size on the host
  std::uint64_t size_ = 0;
};

}  // namespace hermitage::vmm
