#include "hermitage/vmm/kvm/coalesced_writes.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/vmm/kvm/coalesced_writes_testing.hpp"

namespace hermitage::vmm::kvm {
namespace {

using Seen = std::vector<std::pair<std::uint64_t, std::string>>;

auto drained(const CoalescedWrites& writes) -> Seen {
  Seen seen;
  writes.drain([&](const CoalescedWrites::Write& write) {
    seen.emplace_back(write.port, std::string{reinterpret_cast<const char*>(write.data.data()), write.data.size()});
  });
  return seen;
}

TEST(CoalescedWrites, AreNoneWithoutAPage) {
  const CoalescedWrites writes;
  EXPECT_TRUE(writes.is_empty());
  EXPECT_TRUE(drained(writes).empty());
}

TEST(CoalescedWrites, ComeInOrderAndOnce) {
  WritesPage page;
  const auto writes = page.writes();
  EXPECT_TRUE(writes.is_empty());
  ASSERT_TRUE(page.put(0x3f8, "a"));
  ASSERT_TRUE(page.put(0x800, "bcde"));
  EXPECT_FALSE(writes.is_empty());
  EXPECT_EQ(drained(writes), (Seen{{0x3f8, "a"}, {0x800, "bcde"}}));
  EXPECT_TRUE(writes.is_empty());
  EXPECT_TRUE(drained(writes).empty());
}

TEST(CoalescedWrites, GoOnAtTheBeginningOfThePage) {
  WritesPage page{WritesPage::kCount - 1};
  ASSERT_TRUE(page.put(1, "a"));
  ASSERT_TRUE(page.put(2, "b"));
  EXPECT_EQ(drained(page.writes()), (Seen{{1, "a"}, {2, "b"}}));
  EXPECT_EQ(page.first(), 1U);
}

TEST(CoalescedWrites, FillThePageButForOne) {
  WritesPage page{7};
  std::uint64_t count = 0;
  while (page.put(count, "x")) ++count;
  EXPECT_EQ(count, WritesPage::kCount - 1);
  const auto seen = drained(page.writes());
  ASSERT_EQ(seen.size(), count);
  for (std::uint64_t i = 0; i < count; ++i) EXPECT_EQ(seen[i].first, i);
}

// An entry becomes free for KVM only after it has been visited.
TEST(CoalescedWrites, AnEntryIsTakenWhileItIsVisited) {
  WritesPage page;
  ASSERT_TRUE(page.put(1, "a"));
  ASSERT_TRUE(page.put(2, "b"));
  std::vector<std::uint32_t> firsts;
  page.writes().drain([&](const CoalescedWrites::Write& write) {
    firsts.push_back(page.first());
    const bool has_room = write.port != 1 || page.put(3, "c");
    EXPECT_TRUE(has_room);
  });
  EXPECT_EQ(firsts, (std::vector<std::uint32_t>{0, 1, 2}));
}

TEST(CoalescedWrites, HaveNoMoreThanEightBytes) {
  WritesPage page;
  page.put_entry(1, "12345678", UINT32_MAX);
  page.put_entry(2, "", 0);
  EXPECT_EQ(drained(page.writes()), (Seen{{1, "12345678"}, {2, ""}}));
}

}  // namespace
}  // namespace hermitage::vmm::kvm
