#include "hermitage/entry/quantity.hpp"

#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace hermitage::entry {
namespace {

constexpr std::uint64_t kKiB = std::uint64_t{1} << 10;
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr std::uint64_t kTiB = std::uint64_t{1} << 40;

struct Case {
  std::string_view text;
  std::uint64_t value;
};

TEST(ParseQuantity, TakesDecimalAndHexadecimalNumbers) {
  constexpr Case kCases[] = {
      {"0", 0},
      {"1", 1},
      {"262144", 0x40000},
      {"007", 7},
      {"18446744073709551615", UINT64_MAX},
      {"00000000000000000000018446744073709551615", UINT64_MAX},
      {"0x0", 0},
      {"0x40000", 0x40000},
      {"0X40000", 0x40000},
      {"0xabcDEF", 0xabcdef},
      {"0xffffffffffffffff", UINT64_MAX},
      {"0x0000000000000000ffffffffffffffff", UINT64_MAX},
  };
  for (const auto& [text, value] : kCases) EXPECT_EQ(parse_quantity(text), value) << text;
}

TEST(ParseQuantity, TakesUnitsOfPowersOf1024) {
  constexpr Case kUnits[] = {{"k", kKiB}, {"m", kMiB}, {"g", kGiB}, {"t", kTiB}};
  for (const auto& [letter, size] : kUnits) {
    const std::string small{letter};
    const std::string large(1, static_cast<char>(letter[0] - 'a' + 'A'));
    for (const auto& unit : {small, large, small + "b", large + "B", small + "B", large + "b", small + "ib",
                             large + "iB", large + "IB", small + "Ib"}) {
      EXPECT_EQ(parse_quantity("3" + unit), 3 * size) << unit;
      EXPECT_EQ(parse_quantity("3 " + unit), 3 * size) << unit;
      EXPECT_EQ(parse_quantity("0x10" + unit), 16 * size) << unit;
      EXPECT_EQ(parse_quantity("0x10 " + unit), 16 * size) << unit;
      EXPECT_EQ(parse_quantity("0" + unit), 0U) << unit;
    }
  }
}

TEST(ParseQuantity, RefusesMoreThan64Bits) {
  constexpr Case kLargest[] = {
      {"18014398509481983K", UINT64_MAX - kKiB + 1}, {"17592186044415M", UINT64_MAX - kMiB + 1},
      {"17179869183G", UINT64_MAX - kGiB + 1},       {"16777215T", UINT64_MAX - kTiB + 1},
      {"0xffffffT", UINT64_MAX - kTiB + 1},
  };
  for (const auto& [text, value] : kLargest) EXPECT_EQ(parse_quantity(text), value) << text;
  for (const std::string_view text : {"18446744073709551616", "18446744073709551617", "99999999999999999999999999",
                                      "0x10000000000000000", "18014398509481984K", "17592186044416M", "17179869184G",
                                      "16777216T", "0x1000000T", "18446744073709551615K", "18446744073709551615T"}) {
    EXPECT_FALSE(parse_quantity(text)) << text;
  }
}

TEST(ParseQuantity, RefusesEverythingElse) {
  for (const std::string_view text :
       {"",     " ",   "-1",   "+1",    "- 1",  " 1",  "\t1",  "1\n",   "K",    " K",   "0x",    "0xK",
        "x10",  "0xg", "0x-1", "0x 1",  "0x+1", "10x", "1  K", "1\tK",  "1K ",  "1 K ", "1KK",   "1Ki",
        "1 Ki", "1iB", "1kbb", "1kibi", "1P",   "1E",  "1X",   "1.5M",  "1,5M", "1_0",  "1'000", "ten",
        "0b11", "1e3", "0o17", "NaN",   "1 2",  "1-",  "1K1",  "0x1.8", "K1",   "1M B", "1K iB", "１"}) {
    EXPECT_FALSE(parse_quantity(text)) << text;
  }
  EXPECT_FALSE(parse_quantity({"1\0", 2}));
  EXPECT_FALSE(parse_quantity({"1K\0", 3}));
}

TEST(ParseQuantity, RefusesASpaceThatNothingFollows) {
  EXPECT_FALSE(parse_quantity("1 "));
}

TEST(ParseQuantity, StopsWhereTheTextEnds) {
  EXPECT_EQ(parse_quantity({"123", 2}), 12U);
  EXPECT_EQ(parse_quantity({"12KiB", 3}), 12 * kKiB);
}

}  // namespace
}  // namespace hermitage::entry
