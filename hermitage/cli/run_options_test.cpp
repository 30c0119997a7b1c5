#include "hermitage/cli/run_options.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::cli {
namespace {

using Words = std::vector<std::string>;

auto error_of(Words words) -> std::string {
  const auto options = parse_run_options(std::move(words));
  return options ? "none" : options.error();
}

TEST(RunOptions, AreAllTaken) {
  const auto options = parse_run_options({"-m",
                                          "128M",
                                          "--cpu-count=4",
                                          "-a0-3",
                                          "-e",
                                          "A=1",
                                          "--env-vars",
                                          "B=2",
                                          "-o",
                                          "out",
                                          "--timeout",
                                          "1.5",
                                          "--kernel-arg",
                                          "k1",
                                          "--kernel-arg=k2",
                                          "--no-aslr",
                                          "--thp",
                                          "--ksm",
                                          "--pit",
                                          "--cpu-pm",
                                          "--hermit-image-mode",
                                          "internal",
                                          "--tempdir",
                                          "/var",
                                          "--config",
                                          "conf",
                                          "--stats",
                                          "--stats-file",
                                          "stats",
                                          "--trace",
                                          "--timeline",
                                          "time",
                                          "--profile",
                                          "prof.svg",
                                          "--profile-rate=99",
                                          "--verbose",
                                          "image",
                                          "word"});
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
  EXPECT_EQ(options->timeline, "time");
  EXPECT_EQ(options->profile, "prof.svg");
  EXPECT_EQ(options->profile_rate, 99U);
  EXPECT_EQ(options->image, "image");
  EXPECT_EQ(options->words, (Words{"word"}));
}

TEST(RunOptions, TakeARateInItsRange) {
  for (const auto* const rate : {"0", "10001", "-1", "x", "", "1.5"}) {
    EXPECT_EQ(error_of({"--profile-rate", rate, "image"}),
              "--profile-rate '" + std::string{rate} + "': not a number from 1 to 10000");
  }
}

TEST(RunOptions, EndAtTheImage) {
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

TEST(RunOptions, AreAbsentUnlessGiven) {
  const auto options = parse_run_options({"image"});
  ASSERT_TRUE(options);
  EXPECT_FALSE(options->memory_size || options->cpu_count || options->affinity || options->output || options->tempdir ||
               options->image_mode || options->timeout_seconds);
  EXPECT_FALSE(options->no_aslr || options->huge_pages || options->merges_pages || options->timer || options->stats ||
               options->manages_power || options->trace || options->verbose);
  EXPECT_TRUE(options->config.empty() && options->env_vars.empty() && options->words.empty());
}

TEST(RunOptions, AreRefusedWhenTheyAreWrong) {
  EXPECT_EQ(error_of({}), "missing operand IMAGE");
  EXPECT_EQ(error_of({"--stats"}), "missing operand IMAGE");
  EXPECT_EQ(error_of({"--nonsense", "image"}), "unknown option '--nonsense'");
  EXPECT_EQ(error_of({"-z", "image"}), "unknown option '-z'");
  EXPECT_EQ(error_of({"--stats", "--nonsense"}), "unknown option '--nonsense'");
  EXPECT_EQ(error_of({"--memory-size"}), "--memory-size requires a value: --memory-size SIZE");
  EXPECT_EQ(error_of({"-m"}), "--memory-size requires a value: --memory-size SIZE");
  EXPECT_EQ(error_of({"-m", "64M", "-m", "2G", "image"}), "--memory-size '2G': can be given only once");
  for (const auto* const count : {"0", "-1", "x", "1x", "", " 1", "4294967296", "1.5"}) {
    EXPECT_EQ(error_of({"-c", count, "image"}), "--cpu-count '" + std::string{count} + "': not a number above 0");
  }
  for (const auto* const seconds : {"0", "-1", "x", "1s", "", "nan", "inf", "1e10"}) {
    EXPECT_EQ(error_of({"--timeout", seconds, "image"}),
              "--timeout '" + std::string{seconds} + "': not a number of seconds above 0");
  }
  EXPECT_EQ(error_of({"--gdb-port", "x", "image"}), "--gdb-port 'x': not a port from 0 to 65535");
  EXPECT_EQ(error_of({"-s", "65536", "image"}), "--gdb-port '65536': not a port from 0 to 65535");
}

TEST(RunOptions, HaveANetwork) {
  const auto options =
      parse_run_options({"-p", "8080:80", "--publish=53:53/udp", "-n", "user,mtu=1400", "--pcap", "net.pcap", "image"});
  ASSERT_TRUE(options) << options.error();
  EXPECT_EQ(options->publish, (std::vector<std::string>{"8080:80", "53:53/udp"}));
  EXPECT_EQ(options->net, "user,mtu=1400");
  EXPECT_EQ(options->pcap, "net.pcap");
  EXPECT_EQ(parse_run_options({"--net=tap:tap0", "image"})->net, "tap:tap0");
  EXPECT_EQ(error_of({"--net", "tap", "--net", "user", "image"}), "--net 'user': can be given only once");
}

TEST(RunOptions, LetADebuggerConnect) {
  EXPECT_EQ(parse_run_options({"-s", "1234", "image"})->gdb, "1234");
  const auto options = parse_run_options({"--gdb=unix:/gdb", "--gdb-no-wait", "image"});
  ASSERT_TRUE(options) << options.error();
  EXPECT_EQ(options->gdb, "unix:/gdb");
  EXPECT_TRUE(options->gdb_no_wait);
}

TEST(RunOptions, NameAnOpenKvm) {
  const auto options = parse_run_options({"--kvm-fd", "3", "image"});
  ASSERT_TRUE(options) << options.error();
  EXPECT_EQ(options->kvm_fd, 3);
  EXPECT_EQ(error_of({"--kvm-fd", "2", "image"}), "--kvm-fd '2': not a descriptor above 2");
  EXPECT_EQ(error_of({"--kvm-fd", "-1", "image"}), "--kvm-fd '-1': not a descriptor above 2");
  EXPECT_EQ(error_of({"--kvm-fd", "x", "image"}), "--kvm-fd 'x': not a number, or too large");
}

TEST(RunOptions, MapFiles) {
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

TEST(RunOptions, MayAskForHelp) {
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

}  // namespace
}  // namespace hermitage::cli
