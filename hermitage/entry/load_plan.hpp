// Where each byte of a loaded kernel comes from, for those who would rather map the file than copy it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <span>

#include "hermitage/entry/address.hpp"
#include "hermitage/entry/kernel_object.hpp"

namespace hermitage::entry {

struct Permissions {
  bool read = false;
  bool write = false;
  bool execute = false;

  friend constexpr auto operator==(Permissions, Permissions) noexcept -> bool = default;
};

[[nodiscard]] auto permissions_of(const elf::Segment& segment) noexcept -> Permissions;

// One range of the image and what is to be done for it.
struct LoadStep {
  enum class Action : std::uint8_t {
    map,   // whole pages that lie on whole pages of the file: can be mapped, privately; or copied
    copy,  // bytes of the file that share a page with others, or that do not lie on pages as they do in memory
    zero,  // no bytes of the file: the rest of a segment, or a gap between two
  };

  Action action = Action::zero;
  Permissions permissions = {};       // of the segment; none for a gap
  std::uint64_t memory_offset = 0;    // from the image's first byte
  std::uint64_t size = 0;             // in bytes, at least 1
  FileOffset file_offset = {};        // of map and copy
  std::uint64_t relocated_pages = 0;  // how many of the step's pages relocations will write to
};

// A plan for loading a kernel at `start` in memory with pages of `page_size` bytes. Its steps cover the image
// from its first byte to its last, in order and without overlap; when all of them have been done,
// KernelObject::relocate does the rest, and the memory is as KernelObject::load makes it.
//
// Iterators refer to the plan, which must stay where it is meanwhile.
//
// A file that is mapped and then changes, changes the kernel: map only files that nobody else writes.
class LoadPlan {
 public:
  class Iterator {
   public:
    using iterator_concept = std::forward_iterator_tag;
    using iterator_category = std::input_iterator_tag;
    using value_type = LoadStep;
    using difference_type = std::ptrdiff_t;
    using reference = LoadStep;
    using pointer = const LoadStep*;

    Iterator() noexcept = default;
    explicit Iterator(const LoadPlan& plan) noexcept;

    auto operator*() const noexcept -> LoadStep { return step_; }
    auto operator->() const noexcept -> const LoadStep* { return &step_; }
    auto operator++() noexcept -> Iterator&;
    auto operator++(int) noexcept -> Iterator;
    friend auto operator==(const Iterator& a, const Iterator& b) noexcept -> bool { return a.done_ == b.done_; }
    friend auto operator==(const Iterator& it, std::default_sentinel_t) noexcept -> bool { return it.done_ == it.end_; }

   private:
    void plan_step() noexcept;
    void plan_file_bytes(const elf::Segment& segment, std::uint64_t done_of_segment) noexcept;

    const LoadPlan* plan_ = nullptr;
    std::size_t segment_ = 0;  // the one that is being placed, or the next
    std::uint64_t done_ = 0;   // memory offset of the current step
    std::uint64_t end_ = 0;    // memory offset at which the last step ends
    LoadStep step_;
  };

  // How many pages the image lies on, the size of `page_flags` below; 0 when page_size is no power of two.
  [[nodiscard]] static auto page_count(const KernelObject& kernel, GuestAddress start, std::uint64_t page_size) noexcept
      -> std::uint64_t;

  // `page_flags`, one for each page, is where the plan remembers which pages relocations write to; it must
  // outlive the plan. Fails with page_size (a power of two of at least 8), page_flags_size, start_address,
  // address_overflow, or with the errors of KernelObject::relocate when a relocation cannot be applied.
  // `kernel` may go away, its bytes may not.
  [[nodiscard]] static auto make(const KernelObject& kernel, GuestAddress start, std::uint64_t page_size,
                                 std::span<bool> page_flags) noexcept -> std::expected<LoadPlan, LoadError>;

  [[nodiscard]] auto begin() const noexcept -> Iterator { return Iterator{*this}; }
  [[nodiscard]] static auto end() noexcept -> std::default_sentinel_t { return {}; }

  [[nodiscard]] auto page_size() const noexcept -> std::uint64_t { return page_size_; }
  // Whether relocations write to the page that holds the byte at this offset of the image.
  // Precondition: memory_offset < mem_size.
  [[nodiscard]] auto is_relocated(std::uint64_t memory_offset) const noexcept -> bool {
    return page_flags_[page_of(memory_offset)];
  }

 private:
  LoadPlan(const KernelObject& kernel, GuestAddress start, std::uint64_t page_size,
           std::span<bool> page_flags) noexcept;

  // Asked twice for each relocation: dividing would take longer than everything else that is done for one.
  [[nodiscard]] auto page_of(std::uint64_t memory_offset) const noexcept -> std::uint64_t {
    return ((start_.value & (page_size_ - 1)) + memory_offset) >> page_shift_;
  }
  [[nodiscard]] auto count_relocated_pages(std::uint64_t memory_offset, std::uint64_t size) const noexcept
      -> std::uint64_t;
  auto mark_relocated_pages() noexcept -> std::expected<void, LoadError>;

  KernelObject kernel_;
  GuestAddress start_;
  std::uint64_t page_size_;
  unsigned page_shift_ = 0;  // page_size_ as a power of two
  std::span<bool> page_flags_;
};

}  // namespace hermitage::entry
