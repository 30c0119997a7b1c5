#include "hermitage/vmm/arch/x86_64/stack.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace hermitage::vmm::x86_64 {
namespace {

using Code = std::vector<int>;  // bytes

auto call_of(const Code& code) -> Call {
  std::vector<std::byte> bytes;
  for (const int byte : code) bytes.push_back(static_cast<std::byte>(byte));
  return call_at_end(bytes);
}

TEST(CallAtEnd, KnowsDirectCalls) {
  const auto call = call_of({0x90, 0x90, 0xe8, 0xfb, 0xff, 0xff, 0xff});
  EXPECT_EQ(call.kind, Call::Kind::direct);
  EXPECT_EQ(call.distance, -5);
  EXPECT_EQ(call_of({0xe8, 0x10, 0, 0, 0}).distance, 16);
}

TEST(CallAtEnd, KnowsIndirectCallsOfEachForm) {
  for (const auto& code : std::vector<Code>{{0xff, 0xd0},                                 // call rax
                                            {0x41, 0xff, 0xd3},                           // call r11
                                            {0xff, 0x10},                                 // call [rax]
                                            {0xff, 0x14, 0xc8},                           // call [rax + 8 rcx]
                                            {0xff, 0x50, 0x18},                           // call [rax + 0x18]
                                            {0xff, 0x54, 0x24, 0x08},                     // call [rsp + 8]
                                            {0xff, 0x15, 0x01, 0x02, 0x03, 0x04},         // call [rip + …]
                                            {0xff, 0x90, 0x00, 0x01, 0x00, 0x00},         // call [rax + 0x100]
                                            {0xff, 0x94, 0x24, 0x00, 0x01, 0x00, 0x00},   // call [rsp + 0x100]
                                            {0xff, 0x14, 0x25, 0x00, 0x01, 0x00, 0x00}})  // call [0x100]
  {
    EXPECT_EQ(call_of(code).kind, Call::Kind::indirect) << code.size() << " bytes";
  }
}

TEST(CallAtEnd, KnowsOtherCode) {
  for (const auto& code : std::vector<Code>{{},
                                            {0xff},
                                            {0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90},
                                            {0xff, 0xe0},        // jmp rax
                                            {0xff, 0x14},        // a part of call [SIB]
                                            {0xff, 0xd0, 0x90},  // not at the end
                                            {0xe8, 0, 0, 0}}) {  // a part of a direct call
    EXPECT_EQ(call_of(code).kind, Call::Kind::none) << code.size() << " bytes";
  }
}

}  // namespace
}  // namespace hermitage::vmm::x86_64
