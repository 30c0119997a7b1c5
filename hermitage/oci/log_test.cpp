#include "hermitage/oci/log.hpp"

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "hermitage/oci/image/json.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::oci {
namespace {

TEST(Log, HasTheFormatOfRunc) {
  EXPECT_EQ(log_line("json", "a \"b\"\n\xff", 86400),
            "{\"level\":\"error\",\"msg\":\"a \\\"b\\\"\\n\xef\xbf\xbd\",\"time\":\"1970-01-02T00:00:00Z\"}\n");
  EXPECT_EQ(log_line("text", "a \"b\"", 0), "time=\"1970-01-01T00:00:00Z\" level=error msg=\"a \\\"b\\\"\"\n");
}

TEST(Log, IsAppendedTo) {
  const hermitage::testing::TemporaryDirectory directory;
  const auto path = directory.write("log", "before\n");
  report_error(CommandLine{{"--log", path, "--log-format=json", "create", "id"}}, "a message");
  report_error(CommandLine{{"create", "id"}}, "a message for standard error only");
  std::ifstream file{path};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  ASSERT_TRUE(text.starts_with("before\n"));
  const auto entry = parse_json(std::string_view{text}.substr(7));
  ASSERT_TRUE(entry) << text;
  EXPECT_EQ(string_of(member(*entry, "msg")), "a message");
}

}  // namespace
}  // namespace hermitage::oci
