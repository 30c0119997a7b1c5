#include "hermitage/entry/load_plan.hpp"

namespace hermitage::entry {

auto permissions_of(const elf::Segment& segment) noexcept -> Permissions {
  return {.read = (segment.flags & elf::kFlagRead) != 0,
          .write = (segment.flags & elf::kFlagWrite) != 0,
          .execute = (segment.flags & elf::kFlagExecute) != 0};
}

auto LoadPlan::page_count(const KernelObject& kernel, GuestAddress start, std::uint64_t page_size) noexcept
    -> std::uint64_t {
  if (!is_power_of_two(page_size)) return 0;
  const auto into_first_page = start.value % page_size;
  return (into_first_page + kernel.mem_size() - 1) / page_size + 1;
}

auto LoadPlan::make(const KernelObject& kernel, GuestAddress start, std::uint64_t page_size,
                    std::span<bool> page_flags) noexcept -> std::expected<LoadPlan, LoadError> {
  if (!is_power_of_two(page_size) || page_size < kRelocationSize) {
    return std::unexpected{Problem{.code = ProblemCode::page_size, .found = page_size}};
  }
  const auto placement = kernel.check_placement(kernel.mem_size(), start);
  if (!placement) return std::unexpected{placement.error()};
  const auto pages = page_count(kernel, start, page_size);
  if (page_flags.size() != pages) {
    return std::unexpected{
        Problem{.code = ProblemCode::page_flags_size, .expected = pages, .found = page_flags.size()}};
  }
  LoadPlan plan{kernel, start, page_size, page_flags};
  if (const auto marked = plan.mark_relocated_pages(); !marked) return std::unexpected{marked.error()};
  return plan;
}

// (std::countr_zero would call the compiler's library on machines without such an instruction.)
LoadPlan::LoadPlan(const KernelObject& kernel, GuestAddress start, std::uint64_t page_size,
                   std::span<bool> page_flags) noexcept
    : kernel_{kernel}, start_{start}, page_size_{page_size}, page_flags_{page_flags} {
  while (page_size_ >> page_shift_ != 1) ++page_shift_;
}

auto LoadPlan::count_relocated_pages(std::uint64_t memory_offset, std::uint64_t size) const noexcept -> std::uint64_t {
  std::uint64_t count = 0;
  const auto last = page_of(memory_offset + size - 1);
  for (auto page = page_of(memory_offset); page <= last; ++page) count += static_cast<std::uint64_t>(page_flags_[page]);
  return count;
}

auto LoadPlan::mark_relocated_pages() noexcept -> std::expected<void, LoadError> {
  for (auto& flag : page_flags_) flag = false;
  if (!kernel_.is_relocatable()) return {};

  std::optional<LoadError> error;
  auto remember = [&error](const Problem& problem) noexcept {
    error = problem;
    return false;
  };
  examine_relocations(kernel_.file(), kernel_.facts(), remember);
  if (error) return std::unexpected{*error};

  const auto mark = [this](std::uint64_t offset) noexcept {
    page_flags_[page_of(offset)] = true;
    page_flags_[page_of(offset + kRelocationSize - 1)] = true;
    return true;
  };
  for (const auto rela : kernel_.relocations()) mark(rela.offset);
  for_each_relr(kernel_.relr(), mark);
  return {};
}

LoadPlan::Iterator::Iterator(const LoadPlan& plan) noexcept : plan_{&plan}, end_{plan.kernel_.mem_size()} {
  plan_step();
}

auto LoadPlan::Iterator::operator++() noexcept -> Iterator& {
  done_ += step_.size;
  plan_step();
  return *this;
}

auto LoadPlan::Iterator::operator++(int) noexcept -> Iterator {
  const auto before = *this;
  ++*this;
  return before;
}

void LoadPlan::Iterator::plan_step() noexcept {
  const auto& kernel = plan_->kernel_;
  if (done_ == end_) return;

  const auto& segments = kernel.segments();
  for (;; ++segment_) {
    const auto segment = segments[segment_];
    if (segment.type != elf::kSegmentLoad) continue;
    const auto begin = kernel.memory_offset(segment);
    const auto end = begin + segment.memsz;
    if (done_ >= end) continue;

    step_ = {.memory_offset = done_};
    if (done_ < begin) {
      step_.size = begin - done_;
    } else if (done_ < begin + segment.filesz) {
      plan_file_bytes(segment, done_ - begin);
    } else {
      step_.permissions = permissions_of(segment);
      step_.size = end - done_;
    }
    step_.relocated_pages = plan_->count_relocated_pages(step_.memory_offset, step_.size);
    return;
  }
}

// The bytes of a segment in the file are a part of a page, whole pages, and a part of a page. If their offsets in
// pages differ between file and memory, they are one step to copy.
void LoadPlan::Iterator::plan_file_bytes(const elf::Segment& segment, std::uint64_t done_of_segment) noexcept {
  const auto page_size = plan_->page_size_;
  const auto left = segment.filesz - done_of_segment;
  const auto address = plan_->start_.value + done_;
  step_.permissions = permissions_of(segment);
  step_.file_offset = {segment.offset + done_of_segment};
  step_.action = LoadStep::Action::copy;
  step_.size = left;
  if (address % page_size != step_.file_offset.value % page_size) return;

  const auto to_next_page = (page_size - address % page_size) % page_size;
  const auto whole_pages = left > to_next_page ? (left - to_next_page) / page_size * page_size : 0;
  if (whole_pages == 0) return;
  if (to_next_page != 0) {
    step_.size = to_next_page;
  } else {
    step_.action = LoadStep::Action::map;
    step_.size = whole_pages;
  }
}

}  // namespace hermitage::entry
