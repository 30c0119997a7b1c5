#include "hermitage/base/xml.hpp"

#include <gtest/gtest.h>

namespace hermitage::base {
namespace {

TEST(EscapeXml, ReplacesFourCharacters) {
  EXPECT_EQ(escape_xml("a & b < c > \"d\" 'e'"), "a &amp; b &lt; c &gt; &quot;d&quot; 'e'");
  EXPECT_EQ(escape_xml(""), "");
}

}  // namespace
}  // namespace hermitage::base
