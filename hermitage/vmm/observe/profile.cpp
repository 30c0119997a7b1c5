#include "hermitage/vmm/observe/profile.hpp"

#include <bit>
#include <ranges>

namespace hermitage::vmm::observe {

auto StackTree::hash_of(const Key& key) noexcept -> std::uint64_t {
  constexpr std::uint64_t kMultiplier = 0x9e37'79b9'7f4a'7c15;  // of Fibonacci hashing
  std::uint64_t hash = key.parent;
  for (const auto value : {key.frame.address, key.frame.callee, std::uint64_t{key.frame.is_certain},
                           static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(key.activity))}) {
    hash = (hash ^ value) * kMultiplier;
    hash ^= hash >> 32;
  }
  return hash;
}

StackTree::StackTree(std::size_t max_nodes) : max_nodes_{max_nodes}, table_(std::bit_ceil(2 * max_nodes), kNone) {
  nodes_.reserve(max_nodes);
}

auto StackTree::node_of(const Key& key) noexcept -> std::uint32_t {
  const auto mask = table_.size() - 1;
  auto place = hash_of(key) & mask;
  for (; table_[place] != kNone; place = (place + 1) & mask) {
    if (nodes_[table_[place]] == key) return table_[place];
  }
  if (nodes_.size() >= max_nodes_) return kNone;
  table_[place] = static_cast<std::uint32_t>(nodes_.size());
  nodes_.push_back({key, 0});
  return table_[place];
}

void StackTree::add(std::span<const Frame> stack, const char* activity, std::uint64_t samples) noexcept {
  samples_ += samples;
  auto number = kNone;
  for (const auto& frame : stack | std::views::reverse) {
    number = node_of({.parent = number, .frame = frame});
    if (number == kNone) break;
  }
  if (number != kNone && activity != nullptr) number = node_of({.parent = number, .frame = {}, .activity = activity});
  if (number == kNone) {
    lost_ += samples;
  } else {
    nodes_[number].samples += samples;
  }
}

}  // namespace hermitage::vmm::observe
