#include "hermitage/entry/version.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace hermitage::entry {
namespace {

TEST(HermitVersion, ParsesThreeNumbers) {
  struct Case {
    std::string_view text;
    HermitVersion version;
  };
  constexpr Case kCases[] = {
      {"0.0.0", {0, 0, 0}},
      {"0.13.0", {0, 13, 0}},
      {"1.2.3", {1, 2, 3}},
      {"10.20.30", {10, 20, 30}},
      {"4294967295.4294967295.4294967295", {UINT32_MAX, UINT32_MAX, UINT32_MAX}},
      {"001.02.3", {1, 2, 3}},
      {"00000000004294967295.0.0", {UINT32_MAX, 0, 0}},
  };
  for (const auto& [text, version] : kCases) EXPECT_EQ(HermitVersion::parse(text), version) << text;
}

TEST(HermitVersion, RefusesEverythingElse) {
  constexpr std::string_view kTexts[] = {
      "", ".", "..", "1", "1.", "1.2", "1.2.", ".1.2", "1..2", "1.2.3.", "1.2.3.4", ".1.2.3",
      // Signs, spaces, other bases, other digits.
      "+1.2.3", "-1.2.3", "1.-2.3", "1.2.+3", " 1.2.3", "1.2.3 ", "1. 2.3", "1 .2.3", "1.2.3\n", "0x1.2.3", "1.2.3a",
      "a.b.c", "1,2,3", "1.2.3-rc1", "1.2.3+build", "v1.2.3", "\xd9\xa1.2.3",
      // One more than the maximum, and much more, which might wrap.
      "4294967296.0.0", "0.4294967296.0", "0.0.4294967296", "4294967300.0.0", "18446744073709551616.0.0",
      "18446744073709551617.0.0", "99999999999999999999999999.0.0"};
  for (const auto text : kTexts) EXPECT_FALSE(HermitVersion::parse(text)) << text;
  EXPECT_FALSE(HermitVersion::parse(std::string_view{"1.2.3\0", 6}));
  EXPECT_FALSE(HermitVersion::parse(std::string_view{"1.2\0.3", 6}));
}

TEST(HermitVersion, StopsWhereTheTextEnds) {
  EXPECT_EQ(HermitVersion::parse({"1.2.34", 5}), (HermitVersion{1, 2, 3}));
}

TEST(HermitVersion, WritesItself) {
  EXPECT_EQ((HermitVersion{0, 0, 0}).text().view(), "0.0.0");
  EXPECT_EQ((HermitVersion{0, 12, 3}).text().view(), "0.12.3");
  // The longest version, not truncated.
  EXPECT_EQ((HermitVersion{UINT32_MAX, UINT32_MAX, UINT32_MAX}).text().view(), "4294967295.4294967295.4294967295");
}

TEST(HermitVersion, IsOrderedByMajorThenMinorThenPatch) {
  constexpr HermitVersion kAscending[] = {{0, 0, 0},  {0, 0, 1},  {0, 0, 10}, {0, 1, 0}, {0, 9, UINT32_MAX},
                                          {0, 10, 0}, {0, 12, 0}, {1, 0, 0},  {1, 0, 1}, {UINT32_MAX, 0, 0}};
  EXPECT_TRUE(std::ranges::is_sorted(kAscending));
  for (std::size_t i = 1; i < std::size(kAscending); ++i) EXPECT_LT(kAscending[i - 1], kAscending[i]);
  EXPECT_EQ((HermitVersion{1, 2, 3}), (HermitVersion{1, 2, 3}));
  EXPECT_NE((HermitVersion{1, 2, 3}), (HermitVersion{1, 2, 4}));
}

TEST(Versions, AreThoseOfToday) {
  static_assert(kEntryVersion == 4);
  static_assert(kUhyveInterfaceWithoutNote.value == 1);
  static_assert(kNewestUhyveInterface.value == 3);
  static_assert(UhyveInterfaceVersion{2} > kUhyveInterfaceWithoutNote);
  static_assert(UhyveInterfaceVersion{256} > UhyveInterfaceVersion{255});
  static_assert(UhyveInterfaceVersion{} == kUhyveInterfaceWithoutNote);
}

}  // namespace
}  // namespace hermitage::entry
