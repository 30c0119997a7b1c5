#include "hermitage/inspect/display.hpp"

#include <gtest/gtest.h>

#include "hermitage/inspect/page.hpp"
#include "hermitage/inspect/sink.hpp"

namespace hermitage::inspect {
namespace {

TEST(Display, DrawsWithAsciiCharacters) {
  EXPECT_EQ(to_ascii(""), "");
  EXPECT_EQ(to_ascii("plain\ttext\n\x1b[0m"), "plain\ttext\n\x1b[0m");
  EXPECT_EQ(to_ascii("│██░▲│ … and 3 more"), "|##.^| ... and 3 more");
  EXPECT_EQ(to_ascii("old → new"), "old -> new");
}

TEST(Display, EscapesOtherCharactersInAscii) {
  EXPECT_EQ(to_ascii("漢é"), R"(\xe6\xbc\xa2\xc3\xa9)");
  EXPECT_EQ(to_ascii("\xff\xe2\x96"), R"(\xff\xe2\x96)") << "not UTF-8, or truncated";
}

TEST(Display, APageHasItsCharset) {
  const auto text_with = [](Charset charset) {
    return collected([](const Display& display, const Sink& sink) { Page{display, sink}.print("{} █\n", "é"); },
                     Display{.charset = charset});
  };
  EXPECT_EQ(text_with(Charset::utf8), "é █\n");
  EXPECT_EQ(text_with(Charset::ascii), "\\xc3\\xa9 #\n");
}

}  // namespace
}  // namespace hermitage::inspect
