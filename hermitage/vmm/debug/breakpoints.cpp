#include "hermitage/vmm/debug/breakpoints.hpp"

#include <algorithm>

namespace hermitage::vmm::debug {
namespace {

// Calls visit(offset in the first, offset in the second, size) if two ranges overlap.
template <class Visit>
void visit_overlap(GuestAddress first, std::size_t first_size, GuestAddress second, std::size_t second_size,
                   const Visit& visit) {
  const auto start = std::max(first.value, second.value);
  const auto end = std::min(first.value + first_size, second.value + second_size);
  if (start < end) visit(start - first.value, start - second.value, end - start);
}

// Writes bytes that the guest can execute. The instruction caches of some CPUs, such as those of aarch64, do not notice
// writes; on others, the compiler's function does nothing.
void write_code(std::span<const std::byte> bytes, std::span<std::byte> target) {
  std::ranges::copy(bytes, target.begin());
  auto* const begin = reinterpret_cast<char*>(target.data());
  __builtin___clear_cache(begin, begin + bytes.size());
}

}  // namespace

auto Breakpoints::insert(arch::PagingState paging, std::uint64_t address) -> bool {
  if (is_at(address)) return true;
  const auto place = arch::translate(memory_, paging, {address});
  if (!place || place->size < kSize) return false;
  const auto bytes = memory_.span(place->address, kSize);
  if (!bytes) return false;
  Breakpoint breakpoint{.address = address, .place = place->address, .original = {}};
  // Another virtual address can refer to the same place, with an existing breakpoint.
  read(place->address, breakpoint.original);
  all_.push_back(breakpoint);
  write_code(arch::kBreakpointInstruction, *bytes);
  return true;
}

auto Breakpoints::remove(std::uint64_t address) -> bool {
  const auto found = std::ranges::find(all_, address, &Breakpoint::address);
  if (found == all_.end()) return false;
  const auto breakpoint = *found;
  all_.erase(found);
  const auto is_same_place = [&](const Breakpoint& other) { return other.place == breakpoint.place; };
  if (std::ranges::none_of(all_, is_same_place)) restore(breakpoint);
  return true;
}

void Breakpoints::remove_all() {
  while (!all_.empty()) remove(all_.back().address);
}

auto Breakpoints::is_at(std::uint64_t address) const noexcept -> bool {
  return std::ranges::find(all_, address, &Breakpoint::address) != all_.end();
}

void Breakpoints::lift(std::uint64_t address) {
  for (auto& breakpoint : all_) {
    if (breakpoint.address != address) continue;
    restore(breakpoint);
    breakpoint.is_lifted = true;
  }
}

void Breakpoints::put_back() {
  for (auto& breakpoint : all_) {
    if (!breakpoint.is_lifted) continue;
    breakpoint.is_lifted = false;
    const auto bytes = memory_.span(breakpoint.place, kSize);
    if (bytes) write_code(arch::kBreakpointInstruction, *bytes);
  }
}

// Keeps bytes that the guest itself has written there since.
void Breakpoints::restore(const Breakpoint& breakpoint) const {
  const auto bytes = memory_.span(breakpoint.place, kSize);
  if (bytes && std::ranges::equal(*bytes, arch::kBreakpointInstruction)) {
    write_code(breakpoint.original, *bytes);
  }
}

void Breakpoints::read(GuestAddress address, std::span<std::byte> bytes) const {
  const auto source = memory_.span(address, bytes.size());
  if (!source) return;
  std::ranges::copy(*source, bytes.begin());
  for (const auto& breakpoint : all_) {
    visit_overlap(address, bytes.size(), breakpoint.place, kSize, [&](std::size_t to, std::size_t from, std::size_t n) {
      std::ranges::copy(std::span{breakpoint.original}.subspan(from, n), bytes.subspan(to, n).begin());
    });
  }
}

void Breakpoints::write(GuestAddress address, std::span<const std::byte> bytes) {
  const auto target = memory_.span(address, bytes.size());
  if (!target) return;
  write_code(bytes, *target);
  for (auto& breakpoint : all_) {
    visit_overlap(address, bytes.size(), breakpoint.place, kSize, [&](std::size_t from, std::size_t to, std::size_t n) {
      std::ranges::copy(bytes.subspan(from, n), std::span{breakpoint.original}.subspan(to, n).begin());
      if (breakpoint.is_lifted) return;
      write_code(std::span{arch::kBreakpointInstruction}.subspan(to, n), target->subspan(from, n));
    });
  }
}

}  // namespace hermitage::vmm::debug
