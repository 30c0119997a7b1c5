#include "hermitage/cli/run_options.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "testing/temporary_directory.hpp"

namespace hermitage::cli {
namespace {

using Words = std::vector<std::string>;

// An environment variable, while it is there.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_{name} { ::setenv(name, value, 1); }
  Variable(const Variable&) = delete;
  auto operator=(const Variable&) -> Variable& = delete;
  ~Variable() { ::unsetenv(name_); }

 private:
  const char* name_;
};

class RunOptionsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const auto* const name : {"HERMIT_MEMORY_SIZE", "HERMIT_CPU_COUNT", "HERMIT_CONFIG"}) ::unsetenv(name);
  }
};

auto error_of(Words words) -> std::string {
  const auto options = parse_run_options(std::move(words));
  return options ? "none" : options.error();
}

TEST_F(RunOptionsTest, AreAllTaken) {
  const auto options = parse_run_options({"-m",           "128M",      "--cpu-count=4",
                                          "-a0-3",        "-e",        "A=1",
                                          "--env-vars",   "B=2",       "-o",
                                          "out",          "--timeout", "1.5",
                                          "--kernel-arg", "k1",        "--kernel-arg=k2",
                                          "--no-aslr",    "--thp",     "--ksm",
                                          "--pit",        "--cpu-pm",  "--hermit-image-mode",
                                          "internal",     "--tempdir", "/var",
                                          "--config",     "conf",      "--stats",
                                          "--stats-file", "stats",     "--trace",
                                          "--verbose",    "image",     "word"});
  ASSERT_TRUE(options) << options.error();
  EXPECT_EQ(options->memory_size, "128M");
  EXPECT_EQ(options->cpu_count, 4U);
  EXPECT_EQ(options->affinity, "0-3");
  EXPECT_EQ(options->env_vars, (Words{"A=1", "B=2"}));
  EXPECT_EQ(options->kernel_args, (Words{"k1", "k2"}));
  EXPECT_EQ(options->output, "out");
  EXPECT_EQ(options->timeout_seconds, 1.5);
  EXPECT_TRUE(options->no_aslr && options->huge_pages && options->merges_pages && options->timer);
  EXPECT_TRUE(options->manages_power && options->stats && options->trace && options->verbose);
  EXPECT_EQ(options->image_mode, "internal");
  EXPECT_EQ(options->tempdir, "/var");
  EXPECT_EQ(options->config, "conf");
  EXPECT_EQ(options->stats_file, "stats");
  EXPECT_EQ(options->image, "image");
  EXPECT_EQ(options->file, "image");
  EXPECT_EQ(options->words, (Words{"word"}));
}

TEST_F(RunOptionsTest, EndAtTheImage) {
  const auto options = parse_run_options({"--stats", "image", "--trace", "-m", "--", "-x", "--help"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->image, "image");
  EXPECT_FALSE(options->trace || options->memory_size || options->wants_help);
  EXPECT_EQ(options->words, (Words{"--trace", "-m", "--", "-x", "--help"}));

  const auto dashed = parse_run_options({"--", "-image", "word"});
  ASSERT_TRUE(dashed);
  EXPECT_EQ(dashed->image, "-image");
  EXPECT_EQ(dashed->words, (Words{"word"}));
}

TEST_F(RunOptionsTest, AreAbsentUnlessGiven) {
  const auto options = parse_run_options({"image"});
  ASSERT_TRUE(options);
  EXPECT_FALSE(options->memory_size || options->cpu_count || options->affinity || options->output || options->tempdir ||
               options->image_mode || options->timeout_seconds);
  EXPECT_FALSE(options->no_aslr || options->huge_pages || options->merges_pages || options->timer || options->stats ||
               options->manages_power || options->trace || options->verbose);
  EXPECT_TRUE(options->config.empty() && options->env_vars.empty() && options->words.empty());
}

TEST_F(RunOptionsTest, AreRefusedWhenTheyAreWrong) {
  EXPECT_EQ(error_of({}), "an IMAGE is needed");
  EXPECT_EQ(error_of({"--stats"}), "an IMAGE is needed");
  EXPECT_EQ(error_of({"--nonsense", "image"}), "there is no option '--nonsense'");
  EXPECT_EQ(error_of({"-z", "image"}), "there is no option '-z'");
  EXPECT_EQ(error_of({"--stats", "--nonsense"}), "there is no option '--nonsense'");
  EXPECT_EQ(error_of({"--memory-size"}), "--memory-size needs a SIZE");
  EXPECT_EQ(error_of({"-m"}), "--memory-size needs a SIZE");
  EXPECT_EQ(error_of({"-m", "64M", "-m", "2G", "image"}), "--memory-size '2G': given once before");
  for (const auto* const count : {"0", "-1", "x", "1x", "", " 1", "4294967296", "1.5"}) {
    EXPECT_EQ(error_of({"-c", count, "image"}), "--cpu-count '" + std::string{count} + "': not a number above 0");
  }
  for (const auto* const seconds : {"0", "-1", "x", "1s", "", "nan", "inf", "1e10"}) {
    EXPECT_EQ(error_of({"--timeout", seconds, "image"}),
              "--timeout '" + std::string{seconds} + "': not a number of seconds above 0");
  }
  for (const auto* const later : {"--gdb-port", "--net"}) {
    EXPECT_EQ(error_of({later, "image"}), std::string{later} + ": not yet");
  }
  EXPECT_EQ(error_of({"--net=tap:tap0", "image"}), "--net 'tap:tap0': not yet");
  EXPECT_EQ(error_of({"-s", "image"}), "--gdb-port: not yet");
}

TEST_F(RunOptionsTest, MapFiles) {
  const auto options = parse_run_options({"--file-mapping", "./dir:/data", "--file-mapping=a b:c:ro", "--io-mode",
                                          "host=sync", "--temp-limit", "5M", "image"});
  ASSERT_TRUE(options) << options.error();
  EXPECT_EQ(options->file_mappings, (std::vector<base::FileMapping>{{"./dir", "/data", false}, {"a b", "c", true}}));
  EXPECT_EQ(options->io_mode, "host=sync");
  EXPECT_EQ(options->temp_limit, "5M");
  for (const auto* const wrong : {"", ":", "a", "a:", ":b", "a:b:c", "a:b:rw", "a:b:ro:ro", "a:ro", "a::ro"}) {
    EXPECT_EQ(error_of({"--file-mapping", wrong, "image"}),
              "--file-mapping '" + std::string{wrong} + "': neither HOST:GUEST nor HOST:GUEST:ro");
  }
}

TEST_F(RunOptionsTest, KnowModesOfFiles) {
  EXPECT_EQ(parse_io_mode("host=direct"), (IoMode{.is_direct = true}));
  EXPECT_EQ(parse_io_mode("host=sync"), (IoMode{.is_synchronous = true}));
  EXPECT_EQ(parse_io_mode("host=direct,sync"), (IoMode{.is_direct = true, .is_synchronous = true}));
  EXPECT_EQ(parse_io_mode("host=sync,direct,sync"), (IoMode{.is_direct = true, .is_synchronous = true}));
  for (const auto* const wrong :
       {"", "host", "host=", "direct", "guest=direct", "host=direct,", "host=,sync", "host=x"}) {
    EXPECT_EQ(parse_io_mode(wrong), std::nullopt) << wrong;
  }
}

TEST_F(RunOptionsTest, MayAskForHelp) {
  for (const auto* const word : {"-h", "--help"}) {
    const auto options = parse_run_options({word});
    ASSERT_TRUE(options);
    EXPECT_TRUE(options->wants_help);
  }
  const auto help = run_help();
  for (const auto* const option : {"-m", "--memory-size", "--timeout", "--config", "--stats-file", "--help"}) {
    EXPECT_NE(help.find(option), std::string::npos) << option;
  }
}

TEST_F(RunOptionsTest, ComeFromTheEnvironment) {
  const Variable size{"HERMIT_MEMORY_SIZE", "256M"};
  const Variable cpus{"HERMIT_CPU_COUNT", "3"};
  const Variable config{"HERMIT_CONFIG", "conf"};
  const auto options = parse_run_options({"image"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->memory_size, "256M");
  EXPECT_EQ(options->cpu_count, 3U);
  EXPECT_EQ(options->config, "conf");

  const auto given = parse_run_options({"-m", "64M", "-c", "1", "--config", "other", "image"});
  ASSERT_TRUE(given);
  EXPECT_EQ(given->memory_size, "64M");
  EXPECT_EQ(given->cpu_count, 1U);
  EXPECT_EQ(given->config, "other");
}

TEST_F(RunOptionsTest, DoNotComeFromAWrongEnvironment) {
  const Variable size{"HERMIT_MEMORY_SIZE", ""};
  const Variable cpus{"HERMIT_CPU_COUNT", "many"};
  EXPECT_NE(error_of({"image"}).find("'many': not a number"), std::string::npos);
  const auto given = parse_run_options({"-c", "1", "image"});
  ASSERT_TRUE(given);
  EXPECT_EQ(given->memory_size, std::nullopt) << "an empty variable is none";
}

TEST(ParseAffinity, TakesNumbersAndRanges) {
  using List = std::vector<unsigned>;
  EXPECT_EQ(parse_affinity("0"), (List{0}));
  EXPECT_EQ(parse_affinity("0-1,3"), (List{0, 1, 3}));
  EXPECT_EQ(parse_affinity("0 1 3"), (List{0, 1, 3}));
  EXPECT_EQ(parse_affinity("3,1,3"), (List{3, 1, 3}));
  EXPECT_EQ(parse_affinity("5-5"), (List{5}));
  EXPECT_EQ(parse_affinity("0-65535")->size(), 65536U);
}

TEST(ParseAffinity, TakesNothingElse) {
  for (const auto* const text : {"",
                                 ",",
                                 "0,",
                                 ",0",
                                 "0,,1",
                                 "0, 1",
                                 "-",
                                 "0-",
                                 "-1",
                                 "1-0",
                                 "0-1-2",
                                 "x",
                                 "0x1",
                                 "+1",
                                 "1.5",
                                 "65536",
                                 "0-65536",
                                 "99999999999999999999",
                                 "0-4294967295",
                                 "0\t1"}) {
    EXPECT_EQ(parse_affinity(text), std::nullopt) << text;
  }
}

TEST(SplitWords, AreTheApplicationsUnlessTheyBeginWithDashes) {
  using Given = std::optional<Words>;
  struct Case {
    Words words;
    Given kernel;
    Given application;
  };
  const Given none;
  const Given empty = Words{};
  for (const auto& [words, kernel, application] :
       {Case{{}, none, none}, Case{{"a", "b"}, none, Words{"a", "b"}},
        Case{{"a", "--", "b"}, none, Words{"a", "--", "b"}}, Case{{"a", "--"}, none, Words{"a", "--"}},
        Case{{"--", "a", "b"}, none, Words{"a", "b"}}, Case{{"--"}, none, empty}, Case{{"--", "--"}, empty, empty},
        Case{{"--", "--", "a"}, empty, Words{"a"}}, Case{{"--", "k", "--", "a"}, Words{"k"}, Words{"a"}},
        Case{{"--", "k", "--"}, Words{"k"}, empty},
        Case{{"--", "k", "--", "a", "--", "b"}, Words{"k"}, Words{"a", "--", "b"}}}) {
    const auto split = split_words(words);
    EXPECT_EQ(split.kernel, kernel);
    EXPECT_EQ(split.application, application);
  }
}

class ConfigFileTest : public ::testing::Test {
 protected:
  // What the file makes of the options, or the error without the directory's name.
  auto add(const std::string& content) -> std::string {
    const auto path = directory.write("uhyve.toml", content);
    warnings.clear();
    const auto added = add_config_file(options, path, warnings);
    for (auto& warning : warnings) warning = without_directory(warning);
    return added ? "" : without_directory(added.error());
  }

  testing::TemporaryDirectory directory;
  RunOptions options;
  Words warnings;

 private:
  auto without_directory(const std::string& text) -> std::string {
    return text.starts_with(directory.path()) ? text.substr(directory.path().size() + 1) : text;
  }
};

TEST_F(ConfigFileTest, IsUhyves) {
  EXPECT_EQ(add(R"(
[uhyve]
output = 'test.txt'
stats = true
tempdir = '/tmp/'
hermit_image_mode = 'internal'
[memory]
memory_size = '16MiB'
no_aslr = true
thp = true
ksm = true
[cpu]
cpu_count = 4
cpu_pm = true
affinity = [0, 1, 2, 3]
pit = true
[guest]
env_vars = ['foo=bar', "x=y z"]
)"),
            "");
  EXPECT_EQ(options.output, "test.txt");
  EXPECT_TRUE(options.stats && options.no_aslr && options.huge_pages && options.merges_pages);
  EXPECT_TRUE(options.manages_power && options.timer);
  EXPECT_EQ(options.tempdir, "/tmp/");
  EXPECT_EQ(options.image_mode, "internal");
  EXPECT_EQ(options.memory_size, "16MiB");
  EXPECT_EQ(options.cpu_count, 4U);
  EXPECT_EQ(options.affinity, "0,1,2,3");
  EXPECT_EQ(options.env_vars, (Words{"foo=bar", "x=y z"}));
  EXPECT_EQ(warnings, Words{});
}

TEST_F(ConfigFileTest, LosesAgainstOptions) {
  options.output = "given";
  options.memory_size = "64M";
  options.cpu_count = 1;
  options.affinity = "7";
  options.stats = true;
  options.env_vars = {"A=given"};
  EXPECT_EQ(add("[uhyve]\noutput = 'x'\nstats = false\n[memory]\nmemory_size = '1G'\n[cpu]\ncpu_count = 9\n"
                "affinity = '0-1,2'\n[guest]\nenv_vars = ['A=file']\n"),
            "");
  EXPECT_EQ(options.output, "given");
  EXPECT_EQ(options.memory_size, "64M");
  EXPECT_EQ(options.cpu_count, 1U);
  EXPECT_EQ(options.affinity, "7");
  EXPECT_TRUE(options.stats);
  EXPECT_EQ(options.env_vars, (Words{"A=file", "A=given"})) << "the last counts";
}

TEST_F(ConfigFileTest, MayBeEmpty) {
  EXPECT_EQ(add(""), "");
  EXPECT_EQ(add("[cpu]\naffinity = '0 1'\n[guest]\n"), "");
  EXPECT_EQ(options.affinity, "0 1");
}

TEST_F(ConfigFileTest, SaysWhereItIsWrong) {
  struct Case {
    const char* content;
    const char* error;
  };
  for (const auto& [content, error] :
       {Case{"[cpu]\ncpu_count = '4'\n", "uhyve.toml:2:13: 'cpu_count' is of the wrong type"},
        Case{"[cpu]\n  cpu_count = -1\n", "uhyve.toml:2:15: 'cpu_count' is out of range"},
        Case{"[cpu]\ncpu_count = 4294967296\n", "uhyve.toml:2:13: 'cpu_count' is out of range"},
        Case{"[memory]\n\nthp = 1\n", "uhyve.toml:3:7: 'thp' is of the wrong type"},
        Case{"[uhyve]\noutput = true\n", "uhyve.toml:2:10: 'output' is of the wrong type"},
        Case{"[cpu]\naffinity = [0, 'x']\n", "uhyve.toml:2:16: 'affinity' holds something that is no number"},
        Case{"[cpu]\naffinity = 1\n", "uhyve.toml:2:12: 'affinity' is of the wrong type"},
        Case{"[guest]\nenv_vars = 'A=1'\n", "uhyve.toml:2:12: 'env_vars' is no list"},
        Case{"[guest]\nenv_vars = ['A=1', 2]\n", "uhyve.toml:2:20: 'env_vars' holds something that is no text"},
        Case{"[uhyve]\nio_mode = 1\n", "uhyve.toml:2:11: 'io_mode' is of the wrong type"},
        Case{"[uhyve]\nfile_isolation = true\n", "uhyve.toml:2:18: 'file_isolation' is of the wrong type"},
        Case{"[uhyve]\ngdb_port = 1\n", "uhyve.toml:2:12: 'gdb_port': not yet"},
        Case{"cpu = 1\n", "uhyve.toml:1:7: 'cpu' is no section"}}) {
    EXPECT_EQ(add(content), error);
  }
  const auto syntax = add("[cpu]\ncpu_count = \n");
  EXPECT_TRUE(syntax.starts_with("uhyve.toml:2:")) << syntax;
  EXPECT_TRUE(add("[cpu\n").starts_with("uhyve.toml:1:"));
  EXPECT_TRUE(add("[cpu]\ncpu_count = 1\ncpu_count = 2\n").starts_with("uhyve.toml:3:"));
  EXPECT_TRUE(add("[cpu]\nx = \"\xff\"\n").starts_with("uhyve.toml:2:"));
}

TEST_F(ConfigFileTest, WarnsOfWhatItDoesNotKnow) {
  EXPECT_EQ(add("size = 1\n[uhyve]\nfile_mapping = ['foo:bar']\n[network]\nx = 1\n[guest]\nkernel = 'k'\n"), "");
  EXPECT_EQ(warnings.size(), 4U);
  for (const auto* const words : {"unknown key 'size'", "unknown key 'file_mapping' in [uhyve]",
                                  "unknown section [network]", "unknown key 'kernel' in [guest]"}) {
    EXPECT_TRUE(std::ranges::any_of(warnings, [&](const std::string& warning) {
      return warning.find(words) != std::string::npos;
    })) << words;
  }
  EXPECT_TRUE(warnings.front().starts_with("uhyve.toml:")) << warnings.front();
}

TEST_F(ConfigFileTest, MustBeThere) {
  Words none;
  const auto added = add_config_file(options, directory.file("nowhere.toml"), none);
  ASSERT_FALSE(added);
  EXPECT_NE(added.error().find("nowhere.toml"), std::string::npos) << added.error();
  EXPECT_FALSE(add_config_file(options, directory.path(), none));
}

}  // namespace
}  // namespace hermitage::cli
