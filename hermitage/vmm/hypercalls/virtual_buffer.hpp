// A buffer at a guest-virtual address.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/files/file_result.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm {

// The host memory of the buffer. Pages that are adjacent there, too, are one piece.
class VirtualBuffer {
 public:
  // The maximum number of pieces that the host gets in one call.
  static constexpr std::size_t kMaxBuffers = 64;

  // The buffer has `size` bytes, limited to the maximum that Linux transfers in one call.
  VirtualBuffer(const GuestMemory& memory, arch::PagingState paging, arch::VirtualAddress start,
                std::uint64_t size) noexcept;

  [[nodiscard]] auto is_done() const noexcept -> bool { return left_ == 0; }

  // The next pieces, at most kPieceSize bytes. EFAULT if the first page is not mapped. An error after it shortens the
  // result.
  [[nodiscard]] auto next(std::array<iovec, kMaxBuffers>& room) -> FileResult<std::span<const iovec>>;

 private:
  const GuestMemory& memory_;
  arch::PagingState paging_;
  arch::VirtualAddress next_;
  std::uint64_t left_;
};

}  // namespace hermitage::vmm
