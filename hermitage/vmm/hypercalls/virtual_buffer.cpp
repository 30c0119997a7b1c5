#include "hermitage/vmm/hypercalls/virtual_buffer.hpp"

#include <algorithm>

#include "hermitage/vmm/hypercalls/parameters.hpp"

namespace hermitage::vmm {
namespace {

auto end_of(const iovec& piece) -> const std::byte* {
  return static_cast<const std::byte*>(piece.iov_base) + piece.iov_len;
}

}  // namespace

VirtualBuffer::VirtualBuffer(const GuestMemory& memory, arch::PagingState paging, arch::VirtualAddress start,
                             std::uint64_t size) noexcept
    : memory_{memory}, paging_{paging}, next_{start}, left_{std::min(size, kMaxTransfer)} {}

auto VirtualBuffer::next(std::array<iovec, kMaxBuffers>& room) -> FileResult<std::span<const iovec>> {
  std::size_t count = 0;
  std::uint64_t room_left = kPieceSize;
  while (count < room.size() && left_ > 0 && room_left > 0) {
    const auto translation = arch::translate(memory_, paging_, next_);
    const auto size = translation ? std::min({translation->size, left_, room_left}) : 0;
    const auto bytes =
        translation ? memory_.span(translation->address, size) : std::unexpected{OutsideMemory{{next_.value}, left_}};
    if (!bytes && count == 0) return fails(Errno::fault);
    if (!bytes) break;
    if (count > 0 && end_of(room[count - 1]) == bytes->data()) {
      room[count - 1].iov_len += bytes->size();
    } else {
      room[count++] = {.iov_base = bytes->data(), .iov_len = bytes->size()};
    }
    next_.value += size;
    left_ -= size;
    room_left -= size;
  }
  return std::span<const iovec>{room.data(), count};
}

}  // namespace hermitage::vmm
