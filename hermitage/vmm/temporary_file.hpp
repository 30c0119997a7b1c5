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
#include "hermitage/vmm/file_result.hpp"

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

  // `flags` are those of the host, and O_CREAT only to make it.
  [[nodiscard]] auto open(int directory, int flags) -> FileResult<Descriptor>;

  // To this file, which `opened` is, with O_APPEND or without: as much as there is room for, ENOSPC if there is none.
  [[nodiscard]] auto write(const Descriptor& opened, bool appends, std::span<const iovec> buffers)
      -> FileResult<std::uint64_t>;

 private:
  std::string name_;
  std::shared_ptr<Room> room_;
  std::mutex mutex_;  // of the size, which only its own writers change
  std::uint64_t size_ = 0;
};

}  // namespace hermitage::vmm
