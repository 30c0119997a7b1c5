#include "hermitage/vmm/observe/stack_walk.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

namespace hermitage::vmm::observe {
namespace {

constexpr std::uint64_t kWord = sizeof(std::uint64_t);
constexpr std::uint64_t kAlignmentMask = kWord - 1;
constexpr std::uint64_t kPageMask = arch::kPageSize - 1;
// The largest distance between two frames of frame pointers, in bytes.
constexpr std::uint64_t kMaxFrameSize = std::uint64_t{1} << 20;
// The part of such a frame in which callers without frame pointers are searched, in bytes.
constexpr std::uint64_t kWindow = 64 * kWord;
// The largest part of the stack without a candidate, in bytes: the frame of a function without a frame pointer.
constexpr std::uint64_t kMaxGap = 4096;
constexpr std::uint64_t kHighest = std::numeric_limits<std::uint64_t>::max() - kMaxFrameSize;

}  // namespace

StackWalker::StackWalker(const GuestMemory& memory, std::span<const CodeRange> code) noexcept
    : memory_{memory}, code_{code} {
  if (code.empty()) return;
  lowest_ = std::ranges::min(code, {}, &CodeRange::start).start;
  extent_ = std::ranges::max(code, {}, &CodeRange::end).end - lowest_ + 1;
}

auto StackWalker::walk(arch::PagingState paging, const arch::StackRegisters& registers) noexcept -> Stack {
  paging_ = paging;
  stack_.count = 0;
  sp_ = registers.stack & ~kAlignmentMask;
  fp_ = registers.frame;
  words_left_ = kMaxWords;
  stack_page_ = {};
  code_page_ = {};
  add({.address = registers.instruction, .callee = 0, .is_certain = true});
  // The return address of a function without a frame. In other functions, it can be that of an earlier call.
  const auto linked = candidate_of(registers.link);
  if (linked.address != 0) add(linked);
  if (sp_ < kHighest) follow_frame_pointers();
  // A function that has just made its frame has the address in both places.
  auto& frames = stack_.frames;
  if (linked.address != 0 && stack_.count > 2 && frames[2].address == linked.address) {
    std::shift_left(frames.begin() + 1, frames.begin() + static_cast<std::ptrdiff_t>(stack_.count), 1);
    --stack_.count;
  }
  return stack_;
}

void StackWalker::follow_frame_pointers() {
  while (stack_.count < Stack::kMaxFrames && words_left_ > 0) {
    const bool is_near = fp_ >= sp_ && fp_ < kHighest && fp_ - sp_ <= kMaxFrameSize && (fp_ & kAlignmentMask) == 0;
    auto caller = is_near ? candidate_at(fp_ + kWord) : Frame{};
    if (caller.address == 0) {
      // Until the next candidate, after which the frame pointer may be valid.
      const auto known = stack_.count;
      scan(kHighest, 1);
      if (stack_.count == known) return;
      continue;
    }
    // A function without a frame pointer can have been called since.
    scan(std::min(fp_, sp_ + kWindow), Stack::kMaxFrames);
    caller.is_certain = true;
    add(caller);
    sp_ = fp_ + 2 * kWord;
    if (!read_word(fp_, fp_)) return;
  }
}

void StackWalker::scan(std::uint64_t end, std::size_t limit) {
  auto gap_end = sp_ + kMaxGap;
  while (sp_ < std::min(end, gap_end) && limit > 0 && words_left_ > 0 && stack_.count < Stack::kMaxFrames) {
    const auto bytes = bytes_at(sp_, stack_page_);
    if (bytes.empty()) break;
    skip_data(bytes.first(std::min<std::uint64_t>(bytes.size(), std::min(end, gap_end) - sp_)));
    const auto candidate = candidate_at(sp_);
    sp_ += kWord;
    if (candidate.address == 0) continue;
    add(candidate);
    --limit;
    gap_end = sp_ + kMaxGap;
  }
}

// Skips words that are no addresses of code, but not the last one of these bytes at sp_.
void StackWalker::skip_data(std::span<const std::byte> bytes) noexcept {
  const auto words = std::min<std::uint64_t>(bytes.size() / kWord, words_left_);
  std::uint64_t at = 0;
  for (; at + 1 < words; ++at) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at * kWord, kWord);
    if (word - lowest_ < extent_) break;
  }
  sp_ += at * kWord;
  words_left_ -= at;
}

// The return address in a word of the stack, or a frame with the address 0.
auto StackWalker::candidate_at(std::uint64_t address) -> Frame {
  if (words_left_ == 0) return {};
  --words_left_;
  std::uint64_t word = 0;
  return read_word(address, word) ? candidate_of(word) : Frame{};
}

// The frame with this return address, or one with the address 0.
auto StackWalker::candidate_of(std::uint64_t word) -> Frame {
  if (!is_code(word - 1)) return {};
  // A call can begin on the page before; then the shorter forms are still recognized.
  const auto before = std::min<std::uint64_t>(arch::kMaxCallSize, ((word - 1) & kPageMask) + 1);
  const auto code = bytes_at(word - before, code_page_);
  if (code.size() < before) return {};
  std::array<std::byte, arch::kMaxCallSize> copy{};
  std::ranges::copy(code.first(before), copy.begin());
  const auto call = arch::call_at_end(std::span{copy}.first(before));
  if (call.kind == arch::Call::Kind::none) return {};
  const bool is_direct = call.kind == arch::Call::Kind::direct;
  return {.address = word, .callee = is_direct ? word + static_cast<std::uint64_t>(std::int64_t{call.distance}) : 0};
}

auto StackWalker::is_code(std::uint64_t address) const noexcept -> bool {
  return std::ranges::any_of(
      code_, [address](const CodeRange& range) { return address >= range.start && address < range.end; });
}

// Returns false without a change if the word is not mapped.
auto StackWalker::read_word(std::uint64_t address, std::uint64_t& word) noexcept -> bool {
  const auto bytes = bytes_at(address, stack_page_);
  if (bytes.size() < kWord) return false;
  std::memcpy(&word, bytes.data(), kWord);
  return true;
}

// The bytes from an address to the end of its page of 4 KiB, or nothing.
auto StackWalker::bytes_at(std::uint64_t address, Page& page) noexcept -> std::span<const std::byte> {
  const auto start = address & ~kPageMask;
  if (page.bytes.empty() || page.start != start) {
    page = {.start = start};
    const auto translation = arch::translate(memory_, paging_, {start});
    if (!translation) return {};
    const auto bytes = memory_.span(translation->address, arch::kPageSize);
    if (!bytes) return {};
    page.bytes = *bytes;
  }
  return page.bytes.subspan(address - start);
}

void StackWalker::add(const Frame& frame) noexcept {
  if (stack_.count < Stack::kMaxFrames) stack_.frames[stack_.count++] = frame;
}

}  // namespace hermitage::vmm::observe
