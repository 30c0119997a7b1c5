#include "hermitage/entry/text.hpp"

#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace hermitage::entry {
namespace {

TEST(IndexOf, FindsTheFirstOrTheEnd) {
  static_assert(index_of("", 'a') == 0);
  static_assert(index_of("a", 'a') == 0);
  static_assert(index_of("banana", 'a') == 1);
  static_assert(index_of("banana", 'x') == 6);
  static_assert(index_of(std::string_view{"ab\0cd", 5}, '\0') == 2);
  static_assert(index_of(std::string_view{"abcd", 2}, 'c') == 2);
}

TEST(FixedText, BeginsEmpty) {
  constexpr FixedText<4> kText;
  EXPECT_EQ(kText.view(), "");
  EXPECT_STREQ(kText.c_str(), "");
}

TEST(FixedText, AppendsInAChain) {
  FixedText<32> text;
  text.append("page ").append_decimal(12).append('/').append_hex(255).append("");
  EXPECT_EQ(text.view(), "page 12/0xff");
  EXPECT_STREQ(text.c_str(), "page 12/0xff");
  const std::string_view view = text;
  EXPECT_EQ(view, "page 12/0xff");
}

TEST(FixedText, CutsOffWhatDoesNotFit) {
  FixedText<6> text;
  text.append("abcd");
  EXPECT_EQ(text.view(), "abcd");
  text.append('e');
  EXPECT_EQ(text.view(), "abcde");
  text.append('f').append("gh").append_decimal(7).append_hex(8);
  EXPECT_EQ(text.view(), "abcde");
  EXPECT_STREQ(text.c_str(), "abcde");

  FixedText<6> at_once;
  at_once.append("abcdefgh");
  EXPECT_EQ(at_once.view(), "abcde");
  EXPECT_STREQ(at_once.c_str(), "abcde");

  FixedText<6> number;
  number.append_hex(0x123456);
  EXPECT_EQ(number.view(), "0x123");

  FixedText<1> nothing;
  nothing.append("a").append_decimal(1);
  EXPECT_EQ(nothing.view(), "");
  EXPECT_STREQ(nothing.c_str(), "");
}

TEST(FixedText, WritesNumbersAsTheStandardLibraryDoes) {
  std::uint64_t values[129] = {0};
  for (unsigned shift = 0; shift < 64; ++shift) {
    values[2 * shift + 1] = std::uint64_t{1} << shift;
    values[2 * shift + 2] = (std::uint64_t{1} << shift) * 10 - 1;
  }
  for (const auto value : values) {
    FixedText<32> decimal;
    decimal.append_decimal(value);
    EXPECT_EQ(decimal.view(), std::to_string(value));
    FixedText<32> hex;
    hex.append_hex(value);
    EXPECT_EQ(std::stoull(std::string{hex.view()}, nullptr, 16), value) << hex.view();
  }
}

TEST(FixedText, WritesTheExtremes) {
  FixedText<64> text;
  text.append_decimal(0).append(' ').append_hex(0).append(' ');
  text.append_decimal(UINT64_MAX).append(' ').append_hex(UINT64_MAX);
  EXPECT_EQ(text.view(), "0 0x0 18446744073709551615 0xffffffffffffffff");
}

TEST(FixedText, IsUsableAtCompileTime) {
  constexpr auto kText = FixedText<16>{}.append("at ").append_hex(0x40000);
  static_assert(kText.view() == "at 0x40000");
}

}  // namespace
}  // namespace hermitage::entry
