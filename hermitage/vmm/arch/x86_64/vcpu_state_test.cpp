#include "hermitage/vmm/arch/x86_64/vcpu_state.hpp"

#include <gtest/gtest.h>

namespace hermitage::vmm::x86_64 {
namespace {

TEST(PagingOf, IsThatOfTheRegisters) {
  Registers registers{.cr0 = kControl0Paging, .cr3 = 0x1234'5018, .cr4 = 0x20, .efer = kEferLongModeActive};
  const auto four = paging_of(registers);
  ASSERT_TRUE(four);
  EXPECT_EQ(four->page_map, GuestAddress{0x1234'5000});
  EXPECT_EQ(four->levels, 4);
  registers.cr4 = kControl4FiveLevels;
  EXPECT_EQ(paging_of(registers)->levels, 5);
}

TEST(PagingOf, IsNothingWithout64BitPageTables) {
  EXPECT_FALSE(paging_of({.efer = kEferLongModeActive}));
  EXPECT_FALSE(paging_of({.cr0 = kControl0Paging}));
}

}  // namespace
}  // namespace hermitage::vmm::x86_64
