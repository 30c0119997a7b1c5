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
           "\x80"sv,  // no character begins so
           "\xff"sv,
           "\xc3"sv,  // cut off
           "\xe2\x82"sv, "a\xf0\x9f\xa4"sv,
           "\xc3("sv,     // goes on wrongly
           "\xc0\xaf"sv,  // longer than need be
           "\xe0\x80\xaf"sv, "\xf0\x80\x80\xaf"sv,
           "\xed\xa0\x80"sv,      // a surrogate
           "\xf4\x90\x80\x80"sv,  // behind the last character
       }) {
    EXPECT_FALSE(is_utf8(text)) << text;
  }
}

}  // namespace
}  // namespace hermitage::entry
