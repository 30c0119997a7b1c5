#include "hermitage/vmm/observe/profile.hpp"

#include <map>
#include <string>

#include <gtest/gtest.h>

namespace hermitage::vmm::observe {
namespace {

auto stack_of(std::initializer_list<std::uint64_t> addresses) -> std::vector<Frame> {
  std::vector<Frame> stack;
  for (const auto address : addresses) stack.push_back({.address = address});
  return stack;
}

// The stacks as strings such as "1 2 (halt)".
auto counts_of(const StackTree& tree) -> std::map<std::string, std::uint64_t> {
  std::map<std::string, std::uint64_t> counts;
  tree.for_each([&](std::span<const Frame> stack, const char* activity, std::uint64_t samples) {
    std::string text;
    for (const auto& frame : stack) text += std::to_string(frame.address) + " ";
    if (activity != nullptr) text += std::string{"("} + activity + ")";
    counts[text] += samples;
  });
  return counts;
}

using Counts = std::map<std::string, std::uint64_t>;

TEST(StackTree, CountsEqualStacks) {
  StackTree tree;
  EXPECT_EQ(counts_of(tree), Counts{});
  tree.add(stack_of({1, 2, 3}), nullptr, 1);
  tree.add(stack_of({1, 2, 3}), nullptr, 2);
  tree.add(stack_of({2, 3}), nullptr, 1);
  tree.add(stack_of({1, 3}), "halt", 5);
  tree.add(stack_of({1, 3}), nullptr, 1);
  EXPECT_EQ(counts_of(tree), (Counts{{"1 2 3 ", 3}, {"2 3 ", 1}, {"1 3 (halt)", 5}, {"1 3 ", 1}}));
  EXPECT_EQ(tree.samples(), 10U);
  EXPECT_EQ(tree.lost(), 0U);
}

TEST(StackTree, DistinguishesFramesByAllTheyHave) {
  StackTree tree;
  const std::vector<Frame> certain{{.address = 1, .callee = 2, .is_certain = true}};
  const std::vector<Frame> found{{.address = 1, .callee = 2, .is_certain = false}};
  tree.add(certain, nullptr, 1);
  tree.add(found, nullptr, 1);
  std::vector<bool> all;
  tree.for_each([&](std::span<const Frame> stack, const char* /*activity*/, std::uint64_t /*samples*/) {
    all.push_back(stack.front().is_certain);
  });
  EXPECT_EQ(all, (std::vector<bool>{true, false}));
}

TEST(StackTree, CountsWhatItCannotStore) {
  StackTree tree{2};
  tree.add(stack_of({1, 2}), nullptr, 1);
  tree.add(stack_of({3, 2}), nullptr, 4);
  tree.add(stack_of({1, 2}), "halt", 1);
  tree.add(stack_of({1, 2}), nullptr, 1);
  EXPECT_EQ(counts_of(tree), (Counts{{"1 2 ", 2}}));
  EXPECT_EQ(tree.samples(), 7U);
  EXPECT_EQ(tree.lost(), 5U);
}

}  // namespace
}  // namespace hermitage::vmm::observe
