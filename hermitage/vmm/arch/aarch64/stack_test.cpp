#include "hermitage/vmm/arch/aarch64/stack.hpp"

#include <array>
#include <cstring>

#include <gtest/gtest.h>

namespace hermitage::vmm::aarch64 {
namespace {

auto call_of(std::uint32_t instruction) -> Call {
  std::array<std::byte, 8> code{};
  std::memcpy(code.data() + 4, &instruction, sizeof instruction);
  return call_at_end(code);
}

TEST(CallAtEnd, KnowsDirectCalls) {
  EXPECT_EQ(call_of(0x9400'0000).kind, Call::Kind::direct);
  EXPECT_EQ(call_of(0x9400'0000).distance, -4) << "bl .";
  EXPECT_EQ(call_of(0x9400'0004).distance, 12);
  EXPECT_EQ(call_of(0x97ff'ffff).distance, -8);
  EXPECT_EQ(call_of(0x9600'0000).distance, -(1 << 27) - 4);
}

TEST(CallAtEnd, KnowsIndirectCalls) {
  EXPECT_EQ(call_of(0xd63f'0000).kind, Call::Kind::indirect) << "blr x0";
  EXPECT_EQ(call_of(0xd63f'03c0).kind, Call::Kind::indirect) << "blr x30";
}

TEST(CallAtEnd, KnowsOtherCode) {
  for (const std::uint32_t other : {0x1400'0000U, 0xd61f'0000U, 0xd65f'03c0U, 0xd503'201fU, 0U}) {
    EXPECT_EQ(call_of(other).kind, Call::Kind::none) << std::hex << other;
  }
  EXPECT_EQ(call_at_end({}).kind, Call::Kind::none);
  EXPECT_EQ(call_at_end(std::array{std::byte{0}, std::byte{0}, std::byte{0x94}}).kind, Call::Kind::none);
}

}  // namespace
}  // namespace hermitage::vmm::aarch64
