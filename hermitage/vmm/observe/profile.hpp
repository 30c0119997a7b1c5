// A profile of a run: how often which stack was seen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "hermitage/vmm/observe/stack_walk.hpp"

namespace hermitage::vmm::observe {

// The stacks of one vCPU as a tree, with the outermost function at the root. One thread at a time uses it.
class StackTree {
 public:
  static constexpr std::size_t kMaxNodes = std::size_t{1} << 17;

  // Allocates all memory, so that the thread of the vCPU allocates none: about 8 MiB, of which the host provides what
  // is used.
  explicit StackTree(std::size_t max_nodes = kMaxNodes);

  // Counts `samples` for the stack. `activity` is what the vCPU did on behalf of the innermost function, such as a
  // hypercall: a string literal, or null.
  void add(std::span<const Frame> stack, const char* activity, std::uint64_t samples) noexcept;

  // The samples of all stacks, and those that could not be stored because the tree was full.
  [[nodiscard]] auto samples() const noexcept -> std::uint64_t { return samples_; }
  [[nodiscard]] auto lost() const noexcept -> std::uint64_t { return lost_; }

  // Calls `visit(stack, activity, samples)` for each stored stack, with the innermost function first.
  template <class Visit>
  void for_each(const Visit& visit) const {
    std::vector<Frame> stack;
    for (const auto& node : nodes_) {
      if (node.samples == 0) continue;
      stack.clear();
      const auto* at = &node;
      if (node.activity != nullptr) at = &nodes_[node.parent];
      for (;; at = &nodes_[at->parent]) {
        stack.push_back(at->frame);
        if (at->parent == kNone) break;
      }
      visit(std::span<const Frame>{stack}, node.activity, node.samples);
    }
  }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  // A frame, or an activity of its parent.
  struct Key {
    std::uint32_t parent = kNone;
    Frame frame;
    const char* activity = nullptr;

    friend auto operator==(const Key&, const Key&) -> bool = default;
  };
  struct Node : Key {
    std::uint64_t samples = 0;
  };

  [[nodiscard]] static auto hash_of(const Key& key) noexcept -> std::uint64_t;
  // The node, which is made if there is none. kNone if the tree is full.
  [[nodiscard]] auto node_of(const Key& key) noexcept -> std::uint32_t;

  std::size_t max_nodes_;
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> table_;  // by the hash of a key, or the next free place: the number of the node; or kNone
  std::uint64_t samples_ = 0;
  std::uint64_t lost_ = 0;
};

// The profile of a run. Each tree has one owner, the thread of its vCPU; read it when the run has ended.
class Profile {
 public:
  static constexpr unsigned kUsualRate = 997;  // a prime number, which no loop of a guest follows
  static constexpr unsigned kMaxRate = 10'000;

  // `rate` is in samples per second of each vCPU, from 1 to kMaxRate.
  explicit Profile(unsigned rate) noexcept : rate_{rate} {}

  [[nodiscard]] auto rate() const noexcept -> unsigned { return rate_; }
  // Call it once for each vCPU, in their order, before their threads start.
  auto add_vcpu() HERMITAGE_LIFETIMEBOUND -> StackTree& { return *vcpus_.emplace_back(std::make_unique<StackTree>()); }
  [[nodiscard]] auto vcpus() const noexcept HERMITAGE_LIFETIMEBOUND -> std::span<const std::unique_ptr<StackTree>> {
    return vcpus_;
  }

 private:
  unsigned rate_;
  std::vector<std::unique_ptr<StackTree>> vcpus_;
};

}  // namespace hermitage::vmm::observe
