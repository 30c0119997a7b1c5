// The source of each byte of a loaded kernel, for loaders that map the file instead of copying it.
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

// One range of the loaded kernel, and the action for it.
struct LoadStep {
  enum class Action : std::uint8_t {
    map,   // whole pages of the file, page-aligned in memory: map them privately, or copy them
    copy,  // bytes of the file that share a page with others, or whose offset in a page differs from that in memory
    zero,  // no bytes of the file: the end of a segment, or a gap between two segments
  };

  Action action = Action::zero;
  Permissions permissions = {};       // of the segment; none for a gap
  std::uint64_t memory_offset = 0;    // in bytes, from the first byte of the loaded kernel
  std::uint64_t size = 0;             // in bytes, at least 1
  FileOffset file_offset = {};        // for map and copy
  std::uint64_t relocated_pages = 0;  // number of the step's pages that relocations write to
};

// A plan to load a kernel at `start` in memory with pages of `page_size` bytes. The steps cover the loaded kernel
// from its first to its last byte, in order and without overlap. After all steps, KernelObject::relocate applies the
// relocations, and the memory is the same as after KernelObject::load.
//
// Iterators refer to the plan. It must not be moved or destroyed during the iteration.
//
// A write to a mapped file changes the kernel: map only files that no other process writes.
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
    explicit Iterator(const LoadPlan& plan HERMITAGE_LIFETIMEBOUND) noexcept;

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
    std::size_t segment_ = 0;  // the current segment, or the next one
    std::uint64_t done_ = 0;   // memory offset of the current step
    std::uint64_t end_ = 0;    // memory offset at which the last step ends
    LoadStep step_;
  };

  // The number of pages of the loaded kernel: the size of `page_flags` below. 0 if page_size is not a power of two.
  [[nodiscard]] static auto page_count(const KernelObject& kernel, GuestAddress start, std::uint64_t page_size) noexcept
      -> std::uint64_t;

  // `page_flags` has one flag for each page. The plan stores there which pages relocations write to. `page_flags`
  // must outlive the plan. Fails with page_size (must be a power of two, at least 8), page_flags_size, start_address,
  // address_overflow, or with the errors of KernelObject::relocate if a relocation cannot be applied. The plan does
  // not refer to `kernel`, but to its bytes.
  [[nodiscard]] static auto make(const KernelObject& kernel, GuestAddress start, std::uint64_t page_size,
                                 std::span<bool> page_flags HERMITAGE_LIFETIMEBOUND) noexcept
      -> std::expected<LoadPlan, LoadError>;

  [[nodiscard]] auto begin() const noexcept HERMITAGE_LIFETIMEBOUND -> Iterator { return Iterator{*this}; }
  [[nodiscard]] static auto end() noexcept -> std::default_sentinel_t { return {}; }

  [[nodiscard]] auto page_size() const noexcept -> std::uint64_t { return page_size_; }
  // Whether relocations write to the page that contains the byte at this offset.
  // Precondition: memory_offset < mem_size.
  [[nodiscard]] auto is_relocated(std::uint64_t memory_offset) const noexcept -> bool {
    return page_flags_[page_of(memory_offset)];
  }

 private:
  LoadPlan(const KernelObject& kernel, GuestAddress start, std::uint64_t page_size,
           std::span<bool> page_flags) noexcept;

  // Called twice for each relocation. A division would take longer than all other work for a relocation.
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
