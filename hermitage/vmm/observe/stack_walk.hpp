// Walks the stack of a vCPU.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>

#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::observe {

// A function that is being executed, or a candidate for its caller.
struct Frame {
  std::uint64_t address = 0;  // of the next instruction: that of the vCPU, or a return address
  std::uint64_t callee = 0;   // the function that the call before a return address calls; 0 if it is an indirect call
  bool is_certain = false;    // the instruction of the vCPU, or found by a frame pointer; otherwise only on the stack

  friend auto operator<=>(const Frame&, const Frame&) = default;
};

// A range of guest-virtual addresses with executable code.
struct CodeRange {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
};

struct Stack {
  static constexpr std::size_t kMaxFrames = 64;

  std::array<Frame, kMaxFrames> frames;  // the innermost first
  std::size_t count = 0;

  [[nodiscard]] auto view() const noexcept HERMITAGE_LIFETIMEBOUND -> std::span<const Frame> {
    return std::span{frames}.first(count);
  }
};

// Follows frame pointers. Where there is none, adds each word of the stack that could be a return address: it is in one
// of the ranges, and a call instruction precedes it; at most 4 KiB after the one before. The register that calls set,
// if the architecture has one, counts as such a word. The registers, the page tables and the stack are untrusted. Reads
// at most kMaxWords words of the stack, and 7 bytes of code for each candidate.
class StackWalker {
 public:
  static constexpr std::size_t kMaxWords = 2048;

  // `memory` and `code` must exist as long as this object.
  StackWalker(const GuestMemory& memory, std::span<const CodeRange> code) noexcept;

  [[nodiscard]] auto walk(arch::PagingState paging, const arch::StackRegisters& registers) noexcept -> Stack;

 private:
  // A page that was translated last.
  struct Page {
    std::uint64_t start = 0;
    std::span<const std::byte> bytes = {};  // empty: none
  };

  void follow_frame_pointers();
  // Adds candidates from sp_ to `end`, at most `limit` of them.
  void scan(std::uint64_t end, std::size_t limit);
  void skip_data(std::span<const std::byte> bytes) noexcept;
  [[nodiscard]] auto candidate_at(std::uint64_t address) -> Frame;
  [[nodiscard]] auto candidate_of(std::uint64_t word) -> Frame;
  [[nodiscard]] auto is_code(std::uint64_t address) const noexcept -> bool;
  [[nodiscard]] auto read_word(std::uint64_t address, std::uint64_t& word) noexcept -> bool;
  [[nodiscard]] auto bytes_at(std::uint64_t address, Page& page) noexcept -> std::span<const std::byte>;
  void add(const Frame& frame) noexcept;

  const GuestMemory& memory_;
  std::span<const CodeRange> code_;
  // All ranges are in [lowest_, lowest_ + extent_).
  std::uint64_t lowest_ = 0;
  std::uint64_t extent_ = 0;

  // Of the current walk.
  arch::PagingState paging_;
  Stack stack_;
  std::uint64_t sp_ = 0;
  std::uint64_t fp_ = 0;
  std::size_t words_left_ = 0;
  Page stack_page_;
  Page code_page_;
};

}  // namespace hermitage::vmm::observe
