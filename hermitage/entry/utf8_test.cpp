#include "hermitage/entry/utf8.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace hermitage::entry {
namespace {

using namespace std::string_view_literals;

TEST(Utf8, HasCharactersOfOneToFourBytes) {
  for (const auto text :
       {""sv, "plain"sv, "\0"sv, "\xc3\xa9"sv, "\xe2\x82\xac"sv, "\xf0\x9f\xa4\xb7"sv, "\xf4\x8f\xbf\xbf"sv}) {
    EXPECT_TRUE(is_utf8(text)) << text;
  }
}

TEST(Utf8, HasNoOtherBytes) {
  for (const auto text : {
           "\x80"sv,  // not a first byte
           "\xff"sv,
           "\xc3"sv,  // truncated
           "\xe2\x82"sv, "a\xf0\x9f\xa4"sv,
           "\xc3("sv,     // wrong second byte
           "\xc0\xaf"sv,  // overlong
           "\xe0\x80\xaf"sv, "\xf0\x80\x80\xaf"sv,
           "\xed\xa0\x80"sv,      // a surrogate
           "\xf4\x90\x80\x80"sv,  // above the last character
       }) {
    EXPECT_FALSE(is_utf8(text)) << text;
  }
}

// The first and the last character of each size, and those next to the surrogates.
TEST(Utf8, HasEveryCharacterUpToTheLimits) {
  for (const auto text : {"\x01"sv, "\x7f"sv, "\xc2\x80"sv, "\xdf\xbf"sv, "\xe0\xa0\x80"sv, "\xed\x9f\xbf"sv,
                          "\xee\x80\x80"sv, "\xef\xbf\xbf"sv, "\xf0\x90\x80\x80"sv, "\xf4\x8f\xbf\xbf"sv}) {
    EXPECT_TRUE(is_utf8(text)) << ::testing::PrintToString(text);
  }
}

TEST(Utf8, HasNoCharacterBeyondThem) {
  for (const auto text : {
           "\xbf"sv, "\xc1\xbf"sv, "\xf8\x88\x80\x80\x80"sv, "\x81\x90\x80\x80"sv,  // not a first byte
           "\xc2\x7f"sv, "\xc2\xc0"sv, "\xe1\x80\x7f"sv,                            // wrong second byte
           "\xe0\x9f\xbf"sv, "\xf0\x8f\xbf\xbf"sv,                                  // U+07FF and U+FFFF, overlong
           "\xed\xa0\x80"sv, "\xed\xbf\xbf"sv,                                      // the first and the last surrogate
           "\xf4\x90\x80\x80"sv, "\xf5\x80\x80\x80"sv,                              // above the last character
           "\xe0\xa0"sv, "\xf0\x90\x80"sv,                                          // truncated
       }) {
    EXPECT_FALSE(is_utf8(text)) << ::testing::PrintToString(text);
  }
}

}  // namespace
}  // namespace hermitage::entry
