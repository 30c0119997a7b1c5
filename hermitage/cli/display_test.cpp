#include "hermitage/cli/display.hpp"

#include <string>

#include <gtest/gtest.h>

#include "testing/environment.hpp"

namespace hermitage::cli {
namespace {

using inspect::Charset;
using testing::Variable;

auto charset_with(const std::string& all, const std::string& ctype, const std::string& lang) -> Charset {
  const Variable first{"LC_ALL", all};
  const Variable second{"LC_CTYPE", ctype};
  const Variable third{"LANG", lang};
  return charset_of_locale();
}

TEST(Display, KnowsLocalesWithUtf8) {
  for (const auto* const name : {"C.UTF-8", "en_GB.UTF-8", "en_GB.utf8", "de_DE.utf-8@euro", ".UTF8"}) {
    EXPECT_EQ(charset_with(name, "", ""), Charset::utf8) << name;
  }
  for (const auto* const name : {"C", "POSIX", "en_GB", "en_GB@UTF-8", "en_GB.ISO-8859-1", "ja_JP.eucJP", "C.UTF-16"}) {
    EXPECT_EQ(charset_with(name, "", ""), Charset::ascii) << name;
  }
}

TEST(Display, TheFirstVariableWithAValueIsTheLocale) {
  EXPECT_EQ(charset_with("C", "C.UTF-8", "C.UTF-8"), Charset::ascii);
  EXPECT_EQ(charset_with("", "C.UTF-8", "C"), Charset::utf8);
  EXPECT_EQ(charset_with("", "", "C.UTF-8"), Charset::utf8);
  EXPECT_EQ(charset_with("", "", ""), Charset::ascii);
}

TEST(Display, ColumnsIsAboveTheTerminal) {
  const auto columns_with = [](const std::string& columns) {
    const Variable variable{"COLUMNS", columns};
    return display_of_output().columns;
  };
  EXPECT_EQ(columns_with("60"), 60U);
  EXPECT_EQ(columns_with("200"), 200U);
  const auto otherwise = columns_with("");
  for (const auto* const wrong : {"0", "-1", "80x", " 80", "99999999999999999999999"}) {
    EXPECT_EQ(columns_with(wrong), otherwise) << wrong;
  }
}

}  // namespace
}  // namespace hermitage::cli
