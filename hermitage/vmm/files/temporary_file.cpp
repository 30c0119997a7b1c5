#include "hermitage/vmm/files/temporary_file.hpp"

#include <algorithm>
#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace hermitage::vmm {
namespace {

// The first `size` bytes of the buffers.
auto cut(std::span<const iovec> buffers, std::uint64_t size) -> std::vector<iovec> {
  std::vector<iovec> result;
  for (auto buffer : buffers) {
    buffer.iov_len = std::min<std::uint64_t>(buffer.iov_len, size);
    if (buffer.iov_len == 0) break;
    size -= buffer.iov_len;
    result.push_back(buffer);
  }
  return result;
}

}  // namespace

auto Room::take(std::uint64_t size) noexcept -> std::uint64_t {
  auto left = left_.load();
  auto taken = std::min(size, left);
  while (!left_.compare_exchange_weak(left, left - taken)) taken = std::min(size, left);
  return taken;
}

auto TemporaryFile::open(int directory, int flags) -> FileResult<Descriptor> {
  const std::scoped_lock lock{mutex_};
  constexpr mode_t kMode = 0600;
  Descriptor opened{::openat(directory, name_.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, kMode)};
  if (!opened.is_open()) return last_error();
  if ((flags & O_TRUNC) != 0) room_->give_back(std::exchange(size_, 0));
  return opened;
}

auto TemporaryFile::size() const -> std::uint64_t {
  const std::scoped_lock lock{mutex_};
  return size_;
}

auto TemporaryFile::write(const Descriptor& opened, std::uint64_t& offset, bool appends, std::span<const iovec> buffers)
    -> FileResult<std::uint64_t> {
  const auto size = total_size(buffers);
  if (size == 0) return 0;
  const std::scoped_lock lock{mutex_};
  const auto begin = appends ? size_ : offset;
  const auto end = begin + size;  // the sum of two numbers below 2^63
  const auto wanted = end > size_ ? end - size_ : 0;
  const auto taken = room_->take(wanted);
  if (begin >= size_ + taken) {
    room_->give_back(taken);
    return fails(Errno::nospc);
  }
  const auto fitting = taken == wanted ? std::vector<iovec>{} : cut(buffers, size_ + taken - begin);
  const auto given = fitting.empty() ? buffers : std::span<const iovec>{fitting};
  const auto put = write_at(opened.get(), begin, given);
  const auto written_to = begin + (put < 0 ? 0 : static_cast<std::uint64_t>(put));
  const auto new_size = put < 0 ? size_ : std::max(size_, written_to);
  room_->give_back(size_ + taken - new_size);
  size_ = new_size;
  if (put < 0) return last_error();
  offset = written_to;
  return static_cast<std::uint64_t>(put);
}

}  // namespace hermitage::vmm
