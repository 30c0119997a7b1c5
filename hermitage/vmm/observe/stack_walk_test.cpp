#include "hermitage/vmm/observe/stack_walk.hpp"

#include <cstring>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::vmm::observe {
namespace {

constexpr std::uint64_t kBase = std::uint64_t{4} << 30;
constexpr std::uint64_t kSize = std::uint64_t{16} << 20;
constexpr GuestAddress kPageMap{kBase + 0x10000};
constexpr GuestRange kTables{{kBase + 0x11000}, {kBase + 0x38000}};
constexpr std::uint64_t kCode = kBase + 0x100000;
constexpr std::uint64_t kStack = kBase + 0x200000;
constexpr std::uint64_t kMappedEnd = kBase + 0x400000;

using Addresses = std::vector<std::uint64_t>;

class StackWalkerTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(x86_64::write_identity_map(memory, kPageMap, kTables, {{kBase}, {kMappedEnd}})); }

  // Writes a direct call of `callee` that returns to this address of the code.
  void write_call(std::uint64_t return_address, std::uint64_t callee) {
    const auto distance = static_cast<std::int32_t>(callee - return_address);
    write(return_address - 5, std::uint8_t{0xe8});
    ASSERT_TRUE(memory.write({return_address - 4}, distance));
  }
  template <class T>
  void write(std::uint64_t address, T value) {
    ASSERT_TRUE(memory.write({address}, value));
  }
  void push(std::uint64_t word) {
    write(top, word);
    top += 8;
  }

  auto walk(std::uint64_t frame = 0, std::uint64_t stack = kStack) -> Stack {
    StackWalker walker{memory, code};
    return walker.walk({kPageMap, 4}, {.instruction = kCode, .stack = stack, .frame = frame});
  }
  static auto addresses_of(const Stack& stack) -> Addresses {
    Addresses addresses;
    for (const auto& frame : stack.view()) addresses.push_back(frame.address);
    return addresses;
  }

  GuestMemory memory = std::move(GuestMemory::allocate({kBase}, kSize, {}).value());
  std::vector<CodeRange> code{{kCode, kCode + 0x1000}};
  std::uint64_t top = kStack;
};

// As on aarch64, where a call sets a register.
TEST_F(StackWalkerTest, TakesTheReturnAddressOfTheRegister) {
  write_call(kCode + 0x100, kCode);
  write_call(kCode + 0x200, kCode + 0x80);
  write(kStack + 0x20, std::uint64_t{0});
  write(kStack + 0x28, kCode + 0x200);
  StackWalker walker{memory, code};
  const auto walk_with = [&](std::uint64_t link) {
    return addresses_of(
        walker.walk({kPageMap, 4}, {.instruction = kCode, .stack = kStack, .frame = kStack + 0x20, .link = link}));
  };
  EXPECT_EQ(walk_with(kCode + 0x100), (Addresses{kCode, kCode + 0x100, kCode + 0x200}));
  EXPECT_EQ(walk_with(kCode + 0x200), (Addresses{kCode, kCode + 0x200})) << "also on the stack";
  EXPECT_EQ(walk_with(kCode + 0x104), (Addresses{kCode, kCode + 0x200})) << "after no call";
}

TEST_F(StackWalkerTest, FollowsFramePointers) {
  write_call(kCode + 0x100, kCode);
  write_call(kCode + 0x200, kCode + 0x80);
  write(kStack + 0x20, kStack + 0x60);
  write(kStack + 0x28, kCode + 0x100);
  write(kStack + 0x60, std::uint64_t{0});
  write(kStack + 0x68, kCode + 0x200);
  const auto stack = walk(kStack + 0x20);
  EXPECT_EQ(addresses_of(stack), (Addresses{kCode, kCode + 0x100, kCode + 0x200}));
  EXPECT_TRUE(stack.frames[1].is_certain && stack.frames[2].is_certain);
  EXPECT_EQ(stack.frames[1].callee, kCode);
  EXPECT_EQ(stack.frames[2].callee, kCode + 0x80);
}

TEST_F(StackWalkerTest, FindsReturnAddressesWithoutFramePointers) {
  write_call(kCode + 0x100, kCode);
  write(kCode + 0x200 - 2, std::uint16_t{0xd0ff});  // call rax
  push(7);
  push(kCode + 0x100);
  push(kCode + 0x300);  // in the code, but no call precedes it
  push(kCode + 0x200);
  push(kCode - 0x1000);
  const auto stack = walk();
  EXPECT_EQ(addresses_of(stack), (Addresses{kCode, kCode + 0x100, kCode + 0x200}));
  EXPECT_FALSE(stack.frames[1].is_certain);
  EXPECT_EQ(stack.frames[1].callee, kCode);
  EXPECT_EQ(stack.frames[2].callee, 0U);
}

// A function without a frame pointer, called by one with a frame pointer.
TEST_F(StackWalkerTest, FindsCallersBeforeTheFramePointer) {
  write_call(kCode + 0x100, kCode);
  write_call(kCode + 0x200, kCode + 0x80);
  push(1);
  push(kCode + 0x100);
  write(kStack + 0x40, std::uint64_t{0});
  write(kStack + 0x48, kCode + 0x200);
  const auto stack = walk(kStack + 0x40);
  EXPECT_EQ(addresses_of(stack), (Addresses{kCode, kCode + 0x100, kCode + 0x200}));
  EXPECT_FALSE(stack.frames[1].is_certain);
  EXPECT_TRUE(stack.frames[2].is_certain);
}

TEST_F(StackWalkerTest, EndsInALoopOfFramePointers) {
  write_call(kCode + 0x100, kCode);
  write(kStack + 0x20, kStack + 0x20);
  write(kStack + 0x28, kCode + 0x100);
  const auto stack = walk(kStack + 0x20);
  EXPECT_GE(stack.count, 2U);
  EXPECT_LE(stack.count, Stack::kMaxFrames);
  write(kStack + 0x20, kStack);  // backward
  EXPECT_LE(walk(kStack + 0x20).count, Stack::kMaxFrames);
}

TEST_F(StackWalkerTest, TakesAtMostItsLimit) {
  write_call(kCode + 0x100, kCode);
  for (int i = 0; i < 1000; ++i) push(kCode + 0x100);
  EXPECT_EQ(walk().count, Stack::kMaxFrames);
}

TEST_F(StackWalkerTest, SearchesOneFrameFurther) {
  write_call(kCode + 0x100, kCode);
  write(kStack + 4088, kCode + 0x100);
  write(kStack + 8192, kCode + 0x100);
  EXPECT_EQ(addresses_of(walk()), (Addresses{kCode, kCode + 0x100}));
  write(kStack + 4088, std::uint64_t{0});
  EXPECT_EQ(walk().count, 1U);
}

TEST_F(StackWalkerTest, ReadsAtMostItsLimit) {
  write_call(kCode + 0x100, kCode);
  // One candidate in each 4 KiB, and one beyond the limit.
  constexpr auto kPages = StackWalker::kMaxWords / 512;
  for (std::size_t page = 1; page <= kPages + 1; ++page) write(kStack + page * 4096 - 16, kCode + 0x100);
  EXPECT_EQ(walk().count, 1 + kPages);
}

TEST_F(StackWalkerTest, TakesAnyRegisters) {
  write_call(kCode + 0x100, kCode);
  push(kCode + 0x100);
  for (const std::uint64_t value :
       {std::uint64_t{0}, std::uint64_t{1}, kStack + 1, kMappedEnd - 8, kMappedEnd - 1, kMappedEnd, kBase - 8,
        std::uint64_t{1} << 47, (std::uint64_t{1} << 63) + 8, ~std::uint64_t{0}, ~std::uint64_t{7}}) {
    EXPECT_GE(walk(value).count, 1U) << value;
    EXPECT_GE(walk(0, value).count, 1U) << value;
    EXPECT_GE(walk(value, value).count, 1U) << value;
  }
}

TEST_F(StackWalkerTest, TakesAnyCodeRangesAndTables) {
  write_call(kCode + 0x100, kCode);
  push(kCode + 0x100);
  push(0);
  push(~std::uint64_t{0});
  push(kMappedEnd + 5);
  code = {{0, ~std::uint64_t{0}}};
  EXPECT_LE(walk().count, Stack::kMaxFrames);
  code = {};
  EXPECT_EQ(walk().count, 1U);
  StackWalker walker{memory, code};
  EXPECT_EQ(walker.walk({{0}, 4}, {.instruction = 1, .stack = kStack, .frame = kStack}).count, 1U);
}

// The page after the stack is not mapped.
TEST_F(StackWalkerTest, EndsWithTheMappedStack) {
  write_call(kCode + 0x100, kCode);
  write(kMappedEnd - 8, kCode + 0x100);
  EXPECT_EQ(addresses_of(walk(0, kMappedEnd - 16)), (Addresses{kCode, kCode + 0x100}));
}

// The call before the return address begins on an earlier page.
TEST_F(StackWalkerTest, ReadsNoCodeBeforeAPage) {
  write_call(kCode + 0x802, kCode);
  push(kCode);  // the first byte of the code: its call would be before it
  EXPECT_EQ(walk().count, 1U);
}

}  // namespace
}  // namespace hermitage::vmm::observe
