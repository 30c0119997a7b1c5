#include "hermitage/vmm/arch/aarch64/handlers.hpp"

#include <gtest/gtest.h>

namespace hermitage::vmm::aarch64 {
namespace {

TEST(RepeatedException, IsInTheFirstPageOfHandlers) {
  const Registers registers{
      .pc = 0x1'0004'0200, .elr = 0x1'0005'0000, .esr = 0x9600'0045, .far = 8, .vbar = 0x1'0004'0000};
  EXPECT_EQ(repeated_exception(registers),
            "repeats an exception in its handlers: pc 0x100040200, elr 0x100050000, esr 0x96000045, far 0x8");
}

TEST(RepeatedException, IsNowhereElse) {
  EXPECT_EQ(repeated_exception({.pc = 0x2000, .vbar = 0x1000}), "");
  EXPECT_EQ(repeated_exception({.pc = 0xffc, .vbar = 0x1000}), "");
}

}  // namespace
}  // namespace hermitage::vmm::aarch64
