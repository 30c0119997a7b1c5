#include "hermitage/launch/config_file.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "testing/temporary_directory.hpp"

namespace hermitage::launch {
namespace {

using Words = std::vector<std::string>;

class ConfigFileTest : public ::testing::Test {
 protected:
  // Reads the file into `options`; nothing, or the error without the directory's name.
  auto read_of(const std::string& content) -> std::string {
    const auto path = directory.write("uhyve.toml", content);
    warnings.clear();
    auto read = read_config_file(path, warnings);
    for (auto& warning : warnings) warning = without_directory(warning);
    if (!read) return without_directory(read.error().message());
    options = *std::move(read);
    return "";
  }

  hermitage::testing::TemporaryDirectory directory;
  LaunchOptions options;
  Words warnings;

 private:
  auto without_directory(const std::string& text) -> std::string {
    return text.starts_with(directory.path()) ? text.substr(directory.path().size() + 1) : text;
  }
};

TEST_F(ConfigFileTest, IsUhyves) {
  EXPECT_EQ(read_of(R"(
[uhyve]
output = 'test.txt'
stats = true
timeline = 'time.json'
profile = 'prof.svg'
profile_rate = 100
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
  EXPECT_EQ(options.timeline, "time.json");
  EXPECT_EQ(options.profile, "prof.svg");
  EXPECT_EQ(options.profile_rate, 100U);
  EXPECT_EQ(options.tempdir, "/tmp/");
  EXPECT_EQ(options.image_mode, "internal");
  EXPECT_EQ(options.memory_size, "16MiB");
  EXPECT_EQ(options.cpu_count, 4U);
  EXPECT_EQ(options.affinity, "0,1,2,3");
  EXPECT_EQ(options.env_vars, (Words{"foo=bar", "x=y z"}));
  EXPECT_EQ(warnings, Words{});
}

TEST_F(ConfigFileTest, MayBeEmpty) {
  EXPECT_EQ(read_of(""), "");
  EXPECT_EQ(read_of("[cpu]\naffinity = '0 1'\n[guest]\n[uhyve]\ngdb_port = 1234\n"), "");
  EXPECT_EQ(options.gdb, "1234");
  EXPECT_EQ(options.affinity, "0 1");
}

TEST_F(ConfigFileTest, SaysWhereItIsWrong) {
  struct Case {
    const char* content;
    const char* error;
  };
  for (const auto& [content, error] :
       {Case{"[cpu]\ncpu_count = '4'\n", "uhyve.toml:2:13: 'cpu_count' has the wrong type"},
        Case{"[cpu]\n  cpu_count = -1\n", "uhyve.toml:2:15: 'cpu_count' is out of range"},
        Case{"[cpu]\ncpu_count = 4294967296\n", "uhyve.toml:2:13: 'cpu_count' is out of range"},
        Case{"[memory]\n\nthp = 1\n", "uhyve.toml:3:7: 'thp' has the wrong type"},
        Case{"[uhyve]\noutput = true\n", "uhyve.toml:2:10: 'output' has the wrong type"},
        Case{"[cpu]\naffinity = [0, 'x']\n", "uhyve.toml:2:16: 'affinity' contains an element that is not a number"},
        Case{"[cpu]\naffinity = 1\n", "uhyve.toml:2:12: 'affinity' has the wrong type"},
        Case{"[guest]\nenv_vars = 'A=1'\n", "uhyve.toml:2:12: 'env_vars' is not a list"},
        Case{"[guest]\nenv_vars = ['A=1', 2]\n",
             "uhyve.toml:2:20: 'env_vars' contains an element that is not a string"},
        Case{"[uhyve]\nio_mode = 1\n", "uhyve.toml:2:11: 'io_mode' has the wrong type"},
        Case{"[uhyve]\nfile_isolation = true\n", "uhyve.toml:2:18: 'file_isolation' has the wrong type"},
        Case{"[uhyve]\ngdb_port = 65536\n", "uhyve.toml:2:12: 'gdb_port' is out of range"},
        Case{"[uhyve]\nnet = 1\n", "uhyve.toml:2:7: 'net' has the wrong type"},
        Case{"[uhyve]\npublish = '80:80'\n", "uhyve.toml:2:11: 'publish' is not a list"},
        Case{"cpu = 1\n", "uhyve.toml:1:7: 'cpu' is not a section"}}) {
    EXPECT_EQ(read_of(content), error);
  }
  const auto syntax = read_of("[cpu]\ncpu_count = \n");
  EXPECT_TRUE(syntax.starts_with("uhyve.toml:2:")) << syntax;
  EXPECT_TRUE(read_of("[cpu\n").starts_with("uhyve.toml:1:"));
  EXPECT_TRUE(read_of("[cpu]\ncpu_count = 1\ncpu_count = 2\n").starts_with("uhyve.toml:3:"));
  EXPECT_TRUE(read_of("[cpu]\nx = \"\xff\"\n").starts_with("uhyve.toml:2:"));
}

TEST_F(ConfigFileTest, WarnsOfWhatItDoesNotKnow) {
  EXPECT_EQ(read_of("size = 1\n[uhyve]\nfile_mapping = ['foo:bar']\n[network]\nx = 1\n[guest]\nkernel = 'k'\n"), "");
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
  const auto read = read_config_file(directory.file("nowhere.toml"), none);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Failure::Code::usage);
  EXPECT_EQ(read.error().message(), directory.file("nowhere.toml") + ": No such file or directory");
  EXPECT_FALSE(read_config_file(directory.path(), none));
}

}  // namespace
}  // namespace hermitage::launch
