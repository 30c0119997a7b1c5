#include "hermitage/loader/image/image_config.hpp"

#include <cstddef>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "hermitage/entry/image_path.hpp"
#include "testing/large_inputs.hpp"

namespace hermitage::loader {
namespace {

constexpr std::string_view kInput = "[input]\nkernel_args = []\napp_args = []\n";

auto decoded(const TomlText& text) -> std::string {
  std::string decoded;
  TomlBytes bytes{text};
  while (const auto byte = bytes.next()) decoded += *byte;
  return decoded;
}

auto listed(TomlTexts texts) -> std::string {
  std::string listed;
  while (const auto text = texts.next()) listed += "<" + decoded(*text) + ">";
  return listed;
}

// A valid configuration with additional lines before or after its [input].
auto with(std::string_view root, std::string_view more = "") -> std::string {
  return "version = \"1\"\n" + std::string{root} + std::string{kInput} + std::string{more};
}

auto why(std::string_view toml) -> std::string {
  const auto config = read_image_config(toml);
  return config ? "nothing" : std::string{config.error().view()};
}

TEST(ImageConfig, IsReadWhole) {
  const auto config = read_image_config(
      "# a comment, \xc3\xa9\r\n"
      " version\t= '1' # another\r\n"
      "kernel = \"/boot/\\u00e9\\\"\"\n"
      "\n"
      "[ \"input\" ]\n"
      "kernel_args = [ 'a b', \"c\\td\", # of two\n  'e', ]\n"
      "app_args = ['',]\n"
      "env_vars = [\"A=\\U0001F980\", '\\n']\n"
      "[requirements]\n"
      "memory = \"64 MiB\"\n"
      "cpus = 2");
  ASSERT_TRUE(config) << config.error().c_str();
  EXPECT_EQ(decoded(config->kernel), "/boot/\xc3\xa9\"");
  EXPECT_EQ(listed(config->kernel_args), "<a b><c\td><e>");
  EXPECT_EQ(listed(config->app_args), "<>");
  EXPECT_EQ(listed(config->env_vars), "<A=\xf0\x9f\xa6\x80><\\n>");
  EXPECT_EQ(config->memory, 64U << 20);
  EXPECT_FALSE(config->unknown_key);
}

TEST(ImageConfig, NeedsLittle) {
  const auto toml = "\xef\xbb\xbf" + with("kernel = 'k'\n");
  const auto config = read_image_config(toml);
  ASSERT_TRUE(config) << config.error().c_str();
  EXPECT_EQ(listed(config->kernel_args), "");
  EXPECT_EQ(config->memory, std::nullopt);
}

TEST(ImageConfig, PassesOverWhatItDoesNotKnow) {
  const auto toml = with("kernel = 'k'\nauthor = 'me'\n", "more = [1, true, 'x']\n[other]\nmemory = 7\n");
  const auto config = read_image_config(toml);
  ASSERT_TRUE(config) << config.error().c_str();
  EXPECT_TRUE(config->unknown_key && *config->unknown_key == "author");
}

TEST(ImageConfig, SaysWhatIsMissing) {
  EXPECT_EQ(why(""), "hermit.toml:1: there is no version");
  EXPECT_EQ(why("version = '1'\n"), "hermit.toml:2: missing key kernel");
  EXPECT_EQ(why("version = '1'\nkernel = 'k'\n"), "hermit.toml:3: missing table [input]");
  EXPECT_EQ(why("version = '1'\nkernel = 'k'\n[input]\n"), "hermit.toml:4: missing key input.kernel_args");
  EXPECT_EQ(why("version = '1'\nkernel = 'k'\n[input]\nkernel_args = []"), "hermit.toml:4: missing key input.app_args");
}

TEST(ImageConfig, SaysWhatIsWrong) {
  EXPECT_EQ(why("version = '2'\n"), "hermit.toml:1: only version = \"1\" is supported");
  EXPECT_EQ(why("version = 1\n"), "hermit.toml:1: only version = \"1\" is supported");
  EXPECT_EQ(why(with("kernel = ''\n")), "hermit.toml:2: kernel is not a path");
  EXPECT_EQ(why(with("kernel = ['k']\n")), "hermit.toml:2: kernel is not a path");
  EXPECT_EQ(why(with("kernel = 'k'\nkernel = 'l'\n")), "hermit.toml:3: the same a second time");
  EXPECT_EQ(why(with("kernel = 'k'\n", "app_args = []\n")), "hermit.toml:6: the same a second time");
  EXPECT_EQ(why(with("kernel = 'k'\n", "[input]\n")), "hermit.toml:6: the same a second time");
  EXPECT_EQ(why(with("kernel = 'k'\n", "env_vars = [1]\n")), "hermit.toml:6: the value is not an array of strings");
  EXPECT_EQ(why(with("kernel = 'k'\n", "env_vars = 'A=B'\n")), "hermit.toml:6: the value is not an array of strings");
  EXPECT_EQ(why(with("kernel = 'k'\n", "[kernel]\n")), "hermit.toml:6: version and kernel are strings, not tables");
  EXPECT_EQ(why(with("input = 1\n")),
            "hermit.toml:2: this loader supports input and requirements only as tables, as in [input]");
  for (const std::string_view memory : {"64", "'64 MB x'", "''", "['1M']", "'99999999999999999999999'"}) {
    EXPECT_EQ(why(with("kernel = 'k'\n", "[requirements]\nmemory = " + std::string{memory} + "\n")),
              "hermit.toml:7: requirements.memory is not a size such as \"64 MiB\"");
  }
  for (const std::string_view cpus : {"4294967296", "'1'", "true", "[]"}) {
    EXPECT_EQ(why(with("kernel = 'k'\n", "[requirements]\ncpus = " + std::string{cpus} + "\n")),
              "hermit.toml:7: requirements.cpus is not a whole number from 0 to 4294967295");
  }
  EXPECT_EQ(why(with("kernel = '" + std::string(256 << 10, 'k') + "'\n")),
            "hermit.toml is larger than the limit of 256 KiB");
}

TEST(ImageConfig, RefusesWhatIsGivenTwice) {
  constexpr std::string_view kTwice = "the same a second time";
  EXPECT_TRUE(why(with("kernel = 'k'\nx = 1\nx = 2\n")).ends_with(kTwice));
  EXPECT_TRUE(why(with("kernel = 'k'\nx = 1\n\"\\u0078\" = 2\n")).ends_with(kTwice));
  EXPECT_TRUE(why(with("kernel = 'k'\n", "x = 1\ny = 2\nx = 3\n")).ends_with(kTwice));
  EXPECT_TRUE(why(with("kernel = 'k'\n", "[u]\n[v]\n[u]\n")).ends_with(kTwice));
  EXPECT_TRUE(why(with("kernel = 'k'\n", "[u]\nx = 1\nx = 2\n")).ends_with(kTwice));
  EXPECT_TRUE(why(with("kernel = 'k'\nu = 1\n", "[u]\n")).ends_with(kTwice));
  EXPECT_TRUE(why(with("kernel = 'k'\n", "[requirements]\nx = 1\nx = 2\n")).ends_with(kTwice));
  // The same name in another table is a different key.
  EXPECT_EQ(why(with("kernel = 'k'\nx = 1\n", "x = 1\n[requirements]\nx = 1\n[u]\nx = 1\nu = 1\n[v]\nx = 1\n")),
            "nothing");
}

TEST(ImageConfig, LimitsWhatItDoesNotKnow) {
  std::string keys;
  for (std::size_t i = 0; i < kMaxUnknownKeys; ++i) keys += "k" + std::to_string(i) + " = 1\n";
  EXPECT_EQ(why(with("kernel = 'k'\n", keys)), "nothing");
  EXPECT_EQ(why(with("kernel = 'k'\n", keys + "more = 1\n")), "hermit.toml:70: more than 64 unknown keys, the limit");
}

TEST(ImageConfig, LimitsTheElementsOfAnArray) {
  EXPECT_EQ(why(hermitage::testing::config_of_variables(entry::kMaxConfigElements)), "nothing");
  EXPECT_EQ(why(hermitage::testing::config_of_variables(entry::kMaxConfigElements + 1)),
            "hermit.toml:6: an array has more than 4096 elements (the limit)");
}

TEST(ImageConfig, SaysWhatIsNotToml) {
  EXPECT_EQ(why("version = '\xff'"), "hermit.toml:1: is not UTF-8");
  EXPECT_EQ(why("version = '1' kernel = 'k'"), "hermit.toml:1: unexpected characters at the end of the line");
  EXPECT_EQ(why("\n# \x01\n"), "hermit.toml:2: a control character in a comment");
  EXPECT_EQ(why("version"), "hermit.toml:1: a key without a value");
  EXPECT_EQ(why("= 1"), "hermit.toml:1: neither a table nor a key");
  EXPECT_EQ(why("a.b = 1"), "hermit.toml:1: this loader supports only keys with simple names");
  for (const std::string_view table : {"[a.b]", "[[a]]", "[a", "[]"}) {
    EXPECT_TRUE(why(table).starts_with("hermit.toml:1: ")) << table;
  }
  for (const std::string_view text : {"'", "'a", "\"a\\\"", "'a\nb'", "\"\x7f\"", "'a\rb'"}) {
    EXPECT_EQ(why("a = " + std::string{text}), "hermit.toml:1: a string with a control character, or without an end");
  }
  for (const std::string_view text :
       {"\"\\x\"", "\"\\u12\"", "\"\\u0000\"", "\"\\ud800\"", "\"\\U00110000\"", "\"\\U0000004g\"", "\"\\"}) {
    EXPECT_EQ(why("a = " + std::string{text}), "hermit.toml:1: an invalid escape sequence") << text;
  }
  for (const std::string_view text : {"'''a'''", "\"\"\"a\"\"\"", "\"\"\""}) {
    EXPECT_EQ(why("a = " + std::string{text}), "hermit.toml:1: this loader does not support multi-line strings");
  }
  for (const std::string_view value : {"1.5", "0x10", "01", "1_000", "+1", "-1", "{}", "1979-05-27", "nan", "",
                                       "99999999999999999999", "[[]]", "[{}]"}) {
    EXPECT_TRUE(why("a = " + std::string{value}).starts_with("hermit.toml:1: ")) << value;
  }
  for (const std::string_view value : {"['a' 'b']", "[,]", "['a',,]", "['a'", "["}) {
    EXPECT_TRUE(why("a = " + std::string{value}).starts_with("hermit.toml:1: ")) << value;
  }
}

}  // namespace
}  // namespace hermitage::loader
