// A buffer that a guest names by its guest-virtual address.
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

// The host's memory behind it: pages that follow one another there, too, are one piece.
class VirtualBuffer {
 public:
  // How many pieces are handed to the host at a time.
  static constexpr std::size_t kMaxBuffers = 64;

  // Of `size` bytes, at most as many as Linux transfers at a time.
  VirtualBuffer(const GuestMemory& memory, arch::PagingState paging, arch::VirtualAddress start,
                std::uint64_t size) noexcept;

  [[nodiscard]] auto is_done() const noexcept -> bool { return left_ == 0; }

  // The next pieces, kPieceSize bytes at most; EFAULT when the first page is not there. An error behind that ends them
  // early.
  [[nodiscard]] auto next(std::array<iovec, kMaxBuffers>& room) -> FileResult<std::span<const iovec>>;

 private:
  const GuestMemory& memory_;
  arch::PagingState paging_;
  arch::VirtualAddress next_;
  std::uint64_t left_;
};

}  // namespace hermitage::vmm
