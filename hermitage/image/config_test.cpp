#include "hermitage/image/config.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "testing/large_inputs.hpp"

namespace hermitage::image {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

struct Outcome {
  std::expected<Config, Problem> config;
  std::vector<Problem> warnings = {};
};

auto parse(std::string_view toml) -> Outcome {
  std::vector<Problem> warnings;
  auto config = parse_config(toml, warnings);
  return {.config = std::move(config), .warnings = std::move(warnings)};
}

// A right configuration, with these lines behind it.
auto with(std::string_view lines) -> std::string {
  return "version = \"1\"\nkernel = \"k\"\n[input]\nkernel_args = []\napp_args = []\n" + std::string{lines};
}

TEST(ParseConfig, TakesEverything) {
  const auto [config, warnings] = parse(
      "version = \"1\"\n"
      "kernel = \"/boot/kernel\"\n"
      "[input]\n"
      "kernel_args = [\"-v\", \"two words\"]\n"
      "app_args = ['a', \"\\\"b\\\"\", \"ü\"]\n"
      "env_vars = [\"A=1\", \"B=\", \"C=x=y\"]\n"
      "[requirements]\n"
      "memory = \"64 MiB\"\n"
      "cpus = 2\n");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_TRUE(warnings.empty());
  EXPECT_EQ(config->kernel, "/boot/kernel");
  EXPECT_EQ(config->kernel_args, (std::vector<std::string>{"-v", "two words"}));
  EXPECT_EQ(config->app_args, (std::vector<std::string>{"a", "\"b\"", "ü"}));
  EXPECT_EQ(config->env_vars, (std::vector<std::string>{"A=1", "B=", "C=x=y"}));
  EXPECT_EQ(config->memory, 64 * kMiB);
  EXPECT_EQ(config->cpus, 2U);
}

TEST(ParseConfig, WhatIsOptionalMayBeLeftOut) {
  for (const auto& toml : {with(""), with("[requirements]\n"), with("[requirements]\ncpus = 0\n")}) {
    const auto [config, warnings] = parse(toml);
    ASSERT_TRUE(config) << config.error().message();
    EXPECT_EQ(*config, Config{.kernel = "k"});
    EXPECT_TRUE(warnings.empty());
  }
}

TEST(ParseConfig, ReadsSizesAsOptionsDo) {
  struct Case {
    std::string_view text;
    std::uint64_t size;
  };
  constexpr Case kCases[] = {
      {"64M", 64 * kMiB},     {"64 MB", 64 * kMiB}, {"64mib", 64 * kMiB},    {"64 MiB", 64 * kMiB},
      {"65536 K", 64 * kMiB}, {"1g", 1024 * kMiB},  {"67108864", 64 * kMiB}, {"0", 0}};
  for (const auto& [text, size] : kCases) {
    const auto [config, warnings] = parse(with("[requirements]\nmemory = \"" + std::string{text} + "\"\n"));
    ASSERT_TRUE(config) << text;
    EXPECT_EQ(config->memory, size) << text;
  }
}

TEST(ParseConfig, EveryErrorSaysWhere) {
  struct Case {
    std::string toml;
    ProblemCode code;
    std::uint32_t line;
    std::uint32_t column;
    std::string_view text;
  };
  const Case cases[] = {
      {"", ProblemCode::config_key, 1, 1, "missing key version"},
      {"version = \"1\"\n[input]\nkernel_args = []\napp_args = []\n", ProblemCode::config_key, 1, 1,
       "missing key kernel"},
      {"version = \"1\"\nkernel = \"k\"\n", ProblemCode::config_key, 1, 1, "missing key input"},
      {"version = \"1\"\nkernel = \"k\"\n\n[input]\napp_args = []\n", ProblemCode::config_key, 4, 1,
       "missing key input.kernel_args"},
      {"version = \"1\"\nkernel = \"k\"\n\n[input]\nkernel_args = []\n", ProblemCode::config_key, 4, 1,
       "missing key input.app_args"},
      {"version = 1\n", ProblemCode::config_value, 1, 11, "version is not a string"},
      {"version = \"2\"\n", ProblemCode::config_value, 1, 11, "version '2' is not supported; only \"1\" is"},
      {"version = \"1\"\nkernel = []\n", ProblemCode::config_value, 2, 10, "kernel is not a string"},
      {"version = \"1\"\nkernel = \"\"\n", ProblemCode::config_value, 2, 10,
       "kernel is empty: it must be the path of a file in the image"},
      {"version = \"1\"\nkernel = \"k\"\ninput = 1\n", ProblemCode::config_value, 3, 9, "input is not a table"},
      {"version = \"1\"\nkernel = \"k\"\n[input]\nkernel_args = \"a\"\napp_args = []\n", ProblemCode::config_value, 4,
       15, "input.kernel_args is not an array of strings"},
      {"version = \"1\"\nkernel = \"k\"\n[input]\nkernel_args = [\n \"a\",\n  7]\napp_args = []\n",
       ProblemCode::config_value, 6, 3, "an element of input.kernel_args is not a string"},
      {with("env_vars = [1]\n"), ProblemCode::config_value, 6, 13, "an element of input.env_vars is not a string"},
      {with("env_vars = [\"A=\\u0000\"]\n"), ProblemCode::config_value, 6, 13,
       "an element of input.env_vars contains a NUL"},
      {with("[[requirements]]\n"), ProblemCode::config_value, 6, 1, "requirements is not a table"},
      {with("[requirements]\nmemory = 64\n"), ProblemCode::config_value, 7, 10, "requirements.memory is not a string"},
      {with("[requirements]\nmemory = \"much\"\n"), ProblemCode::config_value, 7, 10,
       "requirements.memory 'much' is not a size such as \"64 MiB\""},
      {with("[requirements]\ncpus = \"2\"\n"), ProblemCode::config_value, 7, 8,
       "requirements.cpus is not a whole number from 0 to 4294967295"},
      {with("[requirements]\ncpus = -1\n"), ProblemCode::config_value, 7, 8,
       "requirements.cpus is not a whole number from 0 to 4294967295"},
      {with("[requirements]\ncpus = 4294967296\n"), ProblemCode::config_value, 7, 8,
       "requirements.cpus is not a whole number from 0 to 4294967295"},
      {with("[requirements]\ncpus = 1.0\n"), ProblemCode::config_value, 7, 8,
       "requirements.cpus is not a whole number from 0 to 4294967295"},
  };
  for (const auto& [toml, code, line, column, text] : cases) {
    const auto [config, warnings] = parse(toml);
    ASSERT_FALSE(config) << toml;
    const auto& problem = config.error();
    EXPECT_EQ(problem.name(), Problem{.code = code}.name()) << toml;
    EXPECT_EQ(problem.severity(), Severity::error);
    EXPECT_EQ(problem.file, "hermit.toml");
    EXPECT_EQ(problem.line, line) << toml;
    EXPECT_EQ(problem.column, column) << toml;
    EXPECT_EQ(problem.text, text);
    const auto place = std::to_string(line).append(":").append(std::to_string(column));
    EXPECT_EQ(problem.message(), std::string{"hermit.toml:"}.append(place).append(": ").append(text));
  }
}

TEST(ParseConfig, FaultsOfSyntaxSayWhere) {
  struct Case {
    std::string toml;
    std::uint32_t line;
  };
  const Case cases[] = {{"version = \"1\nkernel", 1},
                        {"version = \"1\"\nversion = \"1\"\n", 2},
                        {"[input\n", 1},
                        {"\n[", 2},
                        {"[\n", 1},
                        {"\n[(input]\n", 2},
                        {"[[(input]]\n", 1},
                        {"\n\n= 1\n", 3},
                        {"a = \"\xff\"\n", 1},
                        {"version = '1'\nkernel = 'k' garbage\n", 2},
                        {std::string{"a = \"\0\"\n", 9}, 1}};
  for (const auto& [toml, line] : cases) {
    const auto [config, warnings] = parse(toml);
    ASSERT_FALSE(config) << toml;
    EXPECT_EQ(config.error().name(), "config_syntax") << toml;
    EXPECT_EQ(config.error().line, line) << toml << config.error().message();
    EXPECT_NE(config.error().column, 0U) << toml;
    EXPECT_FALSE(config.error().text.empty());
  }
}

TEST(ParseConfig, AKeyOfTooManyPartsSaysWhere) {
  const std::string key = "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a";
  EXPECT_EQ(parse(key).config.error().message(), "hermit.toml:1:32: a key with too many parts");
  EXPECT_EQ(parse("# \u00fc\n'\u00fc'." + key).config.error().message(), "hermit.toml:2:34: a key with too many parts");
}

TEST(ParseConfig, UnknownKeysAreWarnings) {
  const auto [config, warnings] =
      parse("name = 1\n" + with("args = []\n[requirements]\nmemroy = \"1\"\n[input.more]\n[other]\nx = 1\n"));
  ASSERT_TRUE(config) << config.error().message();
  std::vector<std::string> messages;
  for (const auto& warning : warnings) {
    EXPECT_EQ(warning.name(), "unknown_key");
    EXPECT_EQ(warning.severity(), Severity::warning);
    messages.push_back(warning.message());
  }
  EXPECT_EQ(messages, (std::vector<std::string>{
                          "hermit.toml:7:1: unknown key 'input.args', which is ignored",
                          "hermit.toml:10:8: unknown key 'input.more', which is ignored",
                          "hermit.toml:9:1: unknown key 'requirements.memroy', which is ignored",
                          "hermit.toml:1:1: unknown key 'name', which is ignored",
                          "hermit.toml:11:2: unknown key 'other', which is ignored",
                      }));
}

TEST(ParseConfig, VariablesOfAnotherFormAreWarningsAndIgnored) {
  const auto [config, warnings] = parse(with("env_vars = [\"A=1\", \"host\", \"=x\", \"\"]\n"));
  ASSERT_TRUE(config);
  EXPECT_EQ(config->env_vars, std::vector<std::string>{"A=1"});
  ASSERT_EQ(warnings.size(), 3U);
  EXPECT_EQ(warnings[0].name(), "ignored_variable");
  EXPECT_EQ(warnings[0].message(),
            "hermit.toml:6:12: 'host' in input.env_vars is not of the form KEY=value, and is ignored");
}

TEST(ParseConfig, AMillionOddThingsAreAFewWarnings) {
  std::string toml = with("");
  for (int i = 0; i < 5000; ++i) toml.append("k").append(std::to_string(i)).append(" = 1\n");
  EXPECT_EQ(parse(toml).warnings.size(), 64U);
}

TEST(ParseConfig, ProblemsNameTheFileThatIsGiven) {
  std::vector<Problem> warnings;
  EXPECT_EQ(parse_config("", warnings, "other.toml").error().message(), "other.toml:1:1: missing key version");
}

TEST(ParseConfig, RefusesALargeFile) {
  EXPECT_TRUE(parse(with("#" + std::string(kMaxConfigSize - with("#").size(), 'x'))).config);
  const auto toml = with("#" + std::string(kMaxConfigSize, 'x'));
  const auto [config, warnings] = parse(toml);
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().message(), "hermit.toml: is larger than the limit of 256 KiB");
}

TEST(ParseConfig, DeepNestsDoNotReachTheStacksEnd) {
  const auto repeated = [](std::string_view text, int count) {
    std::string all;
    for (int i = 0; i < count; ++i) all += text;
    return all;
  };
  struct Case {
    std::string_view before;
    std::string_view part;
    int count;
    std::string_view behind;
  };
  constexpr Case kCases[] = {
      {"", "a.", 100'000, "a = 1"},
      {"[", "a.", 100'000, "a]"},
      {"a = ", "[", 100'000, ""},
      {"a = ", "{a = ", 40'000, ""},
      {"a = [\"\"\"x\"\"\"\", {", "a.", 100'000, "a = 1}]"},
      {"a = '''x''''\n", "'a'.", 50'000, "a = 1"},
      {"", "a . ", 60'000, "a = 1"},
      {"a = ", "{a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = ", 7000, ""},
  };
  for (const auto& [before, part, count, behind] : kCases) {
    const auto toml = std::string{before}.append(repeated(part, count)).append(behind);
    const auto [config, warnings] = parse(toml);
    ASSERT_FALSE(config) << toml.substr(0, 40);
    EXPECT_EQ(config.error().name(), "config_syntax") << toml.substr(0, 40);
  }
}

TEST(ParseConfig, LettersOutsideOfAsciiMayStandWhereSpaceMay) {
  const auto [config, warnings] = parse(with("env_vars = [\"\"\"A=\\\n \u00fc\"\"\"]\n"));
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->env_vars, std::vector<std::string>{"A=\u00fc"});
  EXPECT_FALSE(parse(with("\u03cf = 1\n")).config);
}

TEST(ParseConfig, DotsInTextsAndCommentsAreNoKeys) {
  const std::string dots(1000, '.');
  const auto toml =
      "# " + dots + "\n" +
      with("env_vars = [\"A=" + dots + "\", 'B=" + dots + "', \"\"\"C=\n" + dots + "\"\"\", \"D=\\\"" + dots +
           "\"]\nx = [1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, "
           "1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5]\n");
  const auto [config, warnings] = parse(toml);
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->env_vars.size(), 4U);
}

TEST(ParseConfig, LimitsTheElementsOfAnArray) {
  std::vector<Problem> warnings;
  EXPECT_TRUE(parse_config(hermitage::testing::config_of_variables(entry::kMaxConfigElements), warnings));
  const auto config = parse_config(hermitage::testing::config_of_variables(entry::kMaxConfigElements + 1), warnings);
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().message(), "hermit.toml:6:12: input.env_vars has more than 4096 elements (the limit)");
}

TEST(ToToml, IsReadAsTheSame) {
  const Config configs[] = {
      {.kernel = "k"},
      {.kernel = "/a b/\"k\"\\",
       .kernel_args = {"", "\t\n\x01\x7f", "ü", "'"},
       .app_args = {"a", "b"},
       .env_vars = {"A=1", "B=\"\""},
       .memory = 64 * kMiB,
       .cpus = 7},
      {.kernel = "k", .memory = 0},
      {.kernel = "k", .memory = 1500, .cpus = UINT32_MAX},
      {.kernel = "k", .memory = UINT64_MAX},
  };
  for (const auto& config : configs) {
    const auto [read, warnings] = parse(to_toml(config));
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ(*read, config) << to_toml(config);
    EXPECT_TRUE(warnings.empty());
  }
  EXPECT_TRUE(to_toml(configs[1]).contains("memory = \"64 MiB\"\n"));
}

}  // namespace
}  // namespace hermitage::image
