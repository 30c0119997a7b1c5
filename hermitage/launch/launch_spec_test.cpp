#include "hermitage/launch/launch_spec.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::launch {
namespace {

using Words = std::vector<std::string>;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

auto spec_of(const LaunchSources& sources) -> LaunchSpec {
  auto spec = make_launch_spec("image", sources);
  EXPECT_TRUE(spec) << spec.error().text;
  return spec ? *std::move(spec) : LaunchSpec{};
}

auto error_of(const LaunchSources& sources) -> std::string {
  const auto spec = make_launch_spec("image", sources);
  return spec ? std::string{} : spec.error().text;
}

// ---- Precedence

// For each setting: its value in the four sources ("" for none), and the expected result.
struct Case {
  const char* command_line;
  const char* environment;
  const char* config_file;
  const char* image;
  const char* counts;
};

auto said(const char* value) -> std::optional<std::string> {
  return *value == '\0' ? std::nullopt : std::optional<std::string>{value};
}

auto list(const char* value) -> Words {
  return *value == '\0' ? Words{} : Words{value};
}

auto number(const char* value) -> std::optional<std::uint32_t> {
  return *value == '\0' ? std::nullopt : std::optional{static_cast<std::uint32_t>(std::strtoul(value, nullptr, 10))};
}

TEST(Precedence, OfMemory) {
  for (const auto& [command_line, environment, config_file, image, counts] :
       {Case{"", "", "", "", "64"}, Case{"", "", "", "512", "512"}, Case{"", "", "128M", "", "128"},
        Case{"", "", "128M", "100", "128"}, Case{"", "256M", "128M", "", "256"},
        Case{"512M", "256M", "128M", "16", "512"}, Case{"16M", "256M", "128M", "16", "16"},
        Case{"", "", "", "16", "64"}}) {
    const auto wanted = number(image);
    const auto spec =
        spec_of({.command_line = {.memory_size = said(command_line)},
                 .environment = {.memory_size = said(environment)},
                 .config_file = {.memory_size = said(config_file)},
                 .image = {.memory = wanted ? std::optional<std::uint64_t>{*wanted * kMiB} : std::nullopt}});
    EXPECT_EQ(spec.memory_size / kMiB, number(counts)) << counts;
  }
}

TEST(Precedence, OfCpus) {
  for (const auto& [command_line, environment, config_file, image, counts] :
       {Case{"", "", "", "", "1"}, Case{"", "", "", "4", "4"}, Case{"", "", "3", "", "3"}, Case{"", "5", "3", "2", "5"},
        Case{"2", "5", "3", "2", "2"}}) {
    const auto spec = spec_of({.command_line = {.cpu_count = number(command_line)},
                               .environment = {.cpu_count = number(environment)},
                               .config_file = {.cpu_count = number(config_file)},
                               .image = {.cpus = number(image).value_or(0)}});
    EXPECT_EQ(spec.cpu_count, number(counts)) << counts;
  }
}

TEST(Precedence, OfOptionsThatOneSourceAloneCounts) {
  for (const auto& [command_line, environment, config_file, image, counts] :
       {Case{"a", "", "c", "", "a"}, Case{"", "", "c", "", "c"}, Case{"a", "", "", "", "a"}}) {
    const auto spec = spec_of({.command_line = {.output = said(command_line), .tempdir = said(command_line)},
                               .config_file = {.output = said(config_file), .tempdir = said(config_file)}});
    EXPECT_EQ(spec.output, (Output{.kind = Output::Kind::file, .path = counts}));
    EXPECT_EQ(spec.tempdir, counts);
  }
  const auto engines = merged({.command_line = {.engine = Engine::kvm}, .environment = {.engine = Engine::qemu}});
  EXPECT_EQ(engines.engine, Engine::kvm);
  const auto configs = merged({.command_line = {.config = "a"}, .environment = {.config = "b"}});
  EXPECT_EQ(configs.config, "a");
}

TEST(Precedence, AFlagIsSetByAny) {
  const auto spec =
      spec_of({.command_line = {.huge_pages = true}, .config_file = {.no_aslr = true, .timer = true, .stats = true}});
  EXPECT_TRUE(spec.huge_pages && spec.timer && spec.stats);
  EXPECT_FALSE(spec.randomizes_addresses || spec.merges_pages || spec.manages_power);
}

TEST(Precedence, OfVariables) {
  for (const auto& [command_line, environment, config_file, image, counts] :
       {Case{"", "", "", "A=image", "A=image"}, Case{"", "", "A=file", "A=image", "A=file"},
        Case{"A=given", "", "A=file", "A=image", "A=given"}, Case{"A=given", "", "", "A=image", "A=given"}}) {
    const auto spec = spec_of({.command_line = {.env_vars = list(command_line)},
                               .config_file = {.env_vars = list(config_file)},
                               .image = {.env_vars = list(image)}});
    EXPECT_EQ(spec.arguments.environment, Words{counts});
  }
  const auto others = spec_of({.command_line = {.env_vars = {"A=1", "B=1", "A=2"}},
                               .config_file = {.env_vars = {"C=1", "B=0"}},
                               .image = {.env_vars = {"B=9", "D=9"}}});
  EXPECT_EQ(others.arguments.environment, (Words{"C=1", "B=1", "A=2", "D=9"}));
}

TEST(Precedence, EveryOptionOfTheWeakestSourceCountsAlone) {
  const LaunchOptions all{.output = "o",
                          .memory_size = "64M",
                          .cpu_count = 2,
                          .affinity = "0,1",
                          .tempdir = "t",
                          .temp_limit = "1M",
                          .image_mode = "internal",
                          .file_isolation = "none",
                          .sandbox = "none",
                          .io_mode = "host=sync",
                          .env_vars = {"A=1"},
                          .kernel_args = {"k"},
                          .words = {"w"},
                          .file_mappings = {{.host = "h", .guest = "g"}},
                          .timeline = "i",
                          .profile = "p",
                          .profile_rate = 99,
                          .timeout_seconds = 1.5,
                          .kvm_fd = 3,
                          .no_aslr = true,
                          .huge_pages = true,
                          .merges_pages = true,
                          .timer = true,
                          .manages_power = true,
                          .stats = true,
                          .engine = Engine::qemu,
                          .loader = "l",
                          .qemu_args = {"q"},
                          .config = "c"};
  EXPECT_EQ(merged({.config_file = all}), all);
  EXPECT_EQ(merged({.environment = all}), all);
  EXPECT_EQ(merged({.command_line = all}), all);
}

TEST(ProfileRate, NeedsAProfileAndIsLimited) {
  EXPECT_EQ(spec_of({.command_line = {.profile = "p"}}).profile_rate, 997U);
  EXPECT_EQ(spec_of({.command_line = {.profile = "p"}, .config_file = {.profile_rate = 99}}).profile_rate, 99U);
  const auto alone = make_launch_spec("image", {.command_line = {.profile_rate = 99}});
  ASSERT_FALSE(alone);
  EXPECT_EQ(alone.error().text, "--profile-rate needs --profile");
  for (const std::uint32_t rate : {0U, 10'001U}) {
    EXPECT_FALSE(make_launch_spec("image", {.command_line = {.profile = "p"}, .config_file = {.profile_rate = rate}}));
  }
}

// ---- Arguments

auto arguments_for(Words words, Words kernel_args = {}) -> std::pair<Words, Words> {
  const auto spec = spec_of({.command_line = {.kernel_args = std::move(kernel_args), .words = std::move(words)},
                             .image = {.kernel_args = {"ik"}, .app_args = {"ia"}}});
  return {spec.arguments.kernel, spec.arguments.application};
}

TEST(Arguments, WhatIsGivenReplacesWhatTheImageHas) {
  using Both = std::pair<Words, Words>;
  EXPECT_EQ(arguments_for({}), (Both{{"ik"}, {"ia"}}));
  EXPECT_EQ(arguments_for({"a"}), (Both{{"ik"}, {"a"}}));
  EXPECT_EQ(arguments_for({"a", "--", "b"}), (Both{{"ik"}, {"a", "--", "b"}}));
  EXPECT_EQ(arguments_for({}, {"k", "l"}), (Both{{"k", "l"}, {"ia"}}));
  EXPECT_EQ(arguments_for({"a"}, {"k"}), (Both{{"k"}, {"a"}}));
  EXPECT_EQ(arguments_for({"--", "k", "--", "a"}), (Both{{"k"}, {"a"}}));
  EXPECT_EQ(arguments_for({"--", "l", "--", "a"}, {"k"}), (Both{{"k", "l"}, {"a"}}));
}

TEST(Arguments, DashesAloneAreAnEmptyList) {
  using Both = std::pair<Words, Words>;
  EXPECT_EQ(arguments_for({"--"}), (Both{{"ik"}, {}}));
  EXPECT_EQ(arguments_for({"--", "--"}), (Both{{}, {}}));
}

TEST(Arguments, TheHostsVariablesComeAlone) {
  ::setenv("HERMITAGE_TEST_VARIABLE", "1", 1);
  const auto spec = spec_of({.command_line = {.env_vars = {"host", "A=1"}}, .image = {.env_vars = {"B=1"}}});
  ::unsetenv("HERMITAGE_TEST_VARIABLE");
  const auto& variables = spec.arguments.environment;
  EXPECT_NE(std::ranges::find(variables, "HERMITAGE_TEST_VARIABLE=1"), variables.end());
  EXPECT_EQ(std::ranges::find(variables, "B=1"), variables.end());
  EXPECT_EQ(spec.warnings, Words{"-e host passes only the variables of the host; other -e options are ignored"});
}

// ---- Memory and vCPUs

auto wanted(std::optional<std::uint64_t> memory, std::uint32_t cpus = 0) -> image::Config {
  return {.memory = memory, .cpus = cpus};
}

TEST(GuestSize, IsRoundedUp) {
  EXPECT_EQ(spec_of({.image = wanted(512 * kMiB - 1)}).memory_size, 512 * kMiB);
}

TEST(GuestSize, IsRefusedWhereTheUserSaysLessThanTheImage) {
  EXPECT_EQ(error_of({.command_line = {.memory_size = "64M"}, .image = wanted(512 * kMiB)}),
            "requires 512 MiB of memory, but gets 64 MiB; increase --memory-size");
  EXPECT_EQ(error_of({.command_line = {.cpu_count = 2}, .image = wanted(std::nullopt, 3)}),
            "requires 3 vCPUs, but gets 2; increase --cpu-count");
}

TEST(GuestSize, IsNotMoreThanAnyHostHas) {
  EXPECT_EQ(spec_of({.image = wanted(kMostMemory, kMostCpus)}).memory_size, kMostMemory);
  EXPECT_EQ(error_of({.image = wanted(kMostMemory + 1)}),
            "requires 67108866 MiB of memory, more than the limit of 67108864 MiB");
  EXPECT_NE(error_of({.image = wanted(std::numeric_limits<std::uint64_t>::max())}), "");
  EXPECT_EQ(error_of({.image = wanted(std::nullopt, kMostCpus + 1)}),
            "requires 4097 vCPUs, more than the limit of 4096");
}

// ---- Types

TEST(Types, AreMadeOfEveryOption) {
  const auto spec = spec_of({.command_line = {.affinity = "0-1",
                                              .temp_limit = "5M",
                                              .image_mode = "internal",
                                              .file_isolation = "strict",
                                              .sandbox = "none",
                                              .io_mode = "host=sync",
                                              .timeout_seconds = 1.5}});
  EXPECT_EQ(spec.affinity, (std::vector<unsigned>{0, 1}));
  EXPECT_EQ(spec.temp_limit, 5 * kMiB);
  EXPECT_EQ(spec.image_mode, ImageMode::internal);
  EXPECT_EQ(spec.file_isolation, FileIsolation::strict);
  EXPECT_EQ(spec.has_sandbox, false);
  EXPECT_EQ(spec.io_mode, (IoMode{.is_synchronous = true}));
  EXPECT_EQ(spec.timeout, std::chrono::milliseconds{1500});
  EXPECT_EQ(spec_of({.command_line = {.output = "none"}}).output.kind, Output::Kind::none);
  EXPECT_EQ(spec_of({}).output.kind, Output::Kind::standard);
}

TEST(Types, AreRefusedWhereTheyAreWrong) {
  struct Wrong {
    LaunchOptions options;
    const char* error;
  };
  for (const auto& [options, error] :
       {Wrong{{.memory_size = "much"}, "--memory-size 'much': not a size such as 64M, 512MiB or 2G"},
        Wrong{{.temp_limit = "x"}, "--temp-limit 'x': not a size such as 64M, 512MiB or 2G"},
        Wrong{{.affinity = "x"}, "--affinity 'x': not a list of CPUs such as 0-1,3"},
        Wrong{{.image_mode = "x"}, "--hermit-image-mode 'x': neither external nor internal"},
        Wrong{{.file_isolation = "x"}, "--file-isolation 'x': not one of none, normal and strict"},
        Wrong{{.sandbox = "x"}, "--sandbox 'x': neither none nor normal"},
        Wrong{{.control = ""}, "--control '': the path of a socket is expected"},
        Wrong{{.io_mode = "x"}, "--io-mode 'x': not host=direct, host=sync or both"},
        Wrong{{.env_vars = {"x"}}, "-e 'x': neither KEY=VALUE nor host"}}) {
    const auto spec = make_launch_spec("image", {.command_line = options});
    ASSERT_FALSE(spec);
    EXPECT_EQ(spec.error().code, Failure::Code::usage);
    EXPECT_EQ(spec.error().text, error);
  }
}

// ---- An image's configuration

TEST(CheckConfig, TakesWhatIsRun) {
  for (const auto& config :
       {image::Config{}, image::Config{.kernel_args = {"k"}, .app_args = {"--"}, .env_vars = {"A=1"}},
        wanted(kMostMemory, kMostCpus), wanted(1), image::Config{.kernel_args = {"--"}},
        image::Config{.kernel_args = {"k", "--", "l"}}, wanted(kMostMemory + 1), wanted(std::nullopt, kMostCpus + 1),
        image::Config{.app_args = {"\xff"}}}) {
    EXPECT_EQ(check_config(config).has_value(), make_launch_spec("image", {.image = config}).has_value());
  }
  EXPECT_FALSE(check_config({.kernel_args = {"--"}}));
  EXPECT_FALSE(check_config(wanted(kMostMemory + 1)));
  EXPECT_TRUE(check_config({.app_args = {"--"}}));
}

TEST(CheckConfig, TheUserMayReplaceWhatIsWrong) {
  EXPECT_EQ(error_of({.command_line = {.kernel_args = {"k"}}, .image = {.kernel_args = {"--"}}}), "");
}

// ---- The network

TEST(Network, IsNoneUnlessPortsAreForwarded) {
  EXPECT_EQ(spec_of({}).network, base::NetworkSpec{});
  const auto spec = spec_of({.command_line = {.publish = {"8080:80", "53:53/udp"}}});
  EXPECT_EQ(spec.network.mode, base::NetworkMode::user);
  ASSERT_EQ(spec.forwards.size(), 2U);
  EXPECT_EQ(spec.forwards[1], (base::PortForward{"", 53, 53, 1, base::Transport::udp}));
  EXPECT_EQ(spec_of({.command_line = {.net = "user"}}).network.mode, base::NetworkMode::user);
}

TEST(Network, IsTheStrongestSources) {
  const LaunchOptions command_line{.net = "tap:a"};
  const LaunchOptions environment{.net = "tap:b"};
  const LaunchOptions config_file{.net = "tap:c"};
  const auto name_of = [](const LaunchSources& sources) { return spec_of(sources).network.interface; };
  EXPECT_EQ(name_of({.command_line = command_line, .environment = environment, .config_file = config_file}), "a");
  EXPECT_EQ(name_of({.environment = environment, .config_file = config_file}), "b");
  EXPECT_EQ(name_of({.config_file = config_file}), "c");
  EXPECT_EQ(spec_of({.command_line = {.publish = {"1:1"}}, .config_file = {.publish = {"2:2"}}}).forwards.size(), 2U);
}

TEST(Network, BecomesVariablesOfTheGuest) {
  const auto spec =
      spec_of({.command_line = {.env_vars = {"A=1", "HERMIT_MASK=255.0.0.0"},
                                .net = "tap:tap0,mtu=9000,ip=10.0.5.3/24,gw=10.0.5.1,dns=9.9.9.9,dns=1.1.1.1"},
               .image = {.env_vars = {"HERMIT_IP=10.0.0.1", "B=2"}}});
  EXPECT_EQ(spec.arguments.environment,
            (Words{"A=1", "HERMIT_MASK=255.0.0.0", "B=2", "HERMIT_MTU=9000", "HERMIT_IP=10.0.5.3",
                   "HERMIT_GATEWAY=10.0.5.1", "HERMIT_DNS1=9.9.9.9", "HERMIT_DNS2=1.1.1.1"}));
  EXPECT_EQ(spec_of({.command_line = {.net = "tap,ip=10.1.2.3/20"}}).arguments.environment,
            (Words{"HERMIT_IP=10.1.2.3", "HERMIT_MASK=255.255.240.0"}));
  EXPECT_TRUE(spec_of({.command_line = {.net = "tap:tap0"}}).arguments.environment.empty());
}

TEST(Network, IsRefusedWhenItIsWrong) {
  EXPECT_EQ(error_of({.command_line = {.publish = {"80"}}}),
            "--publish '80': not [ADDRESS:]HOST:GUEST, a port of the host and one of the guest");
  EXPECT_EQ(error_of({.command_line = {.net = "bridge"}}),
            "--net 'bridge': 'bridge' is not one of none, user, tap, tap:NAME and fd:N");
  for (const std::string net : {"none", "tap:tap0", "fd:3"}) {
    EXPECT_EQ(error_of({.command_line = {.net = net, .publish = {"8080:80"}}}),
              "--publish requires --net user, not --net " + net);
  }
  EXPECT_EQ(error_of({.command_line = {.pcap = "file"}}), "--pcap requires a network: give --net or --publish");
  EXPECT_EQ(spec_of({.command_line = {.net = "user", .pcap = "file"}}).pcap, "file");
}

TEST(Debugging, IsForThoseWhoAsk) {
  EXPECT_EQ(spec_of({}).debug, std::nullopt);
  EXPECT_EQ(spec_of({.command_line = {.control = "/run/app"}}).control, "/run/app");
  EXPECT_EQ(spec_of({.command_line = {.gdb = "1234"}}).debug, (DebugSpec{.place = "1234"}));
  EXPECT_EQ(spec_of({.command_line = {.gdb_no_wait = true}, .environment = {.gdb = "1"}}).debug,
            (DebugSpec{.place = "1", .waits = false}));
  EXPECT_EQ(error_of({.command_line = {.gdb_no_wait = true}}), "--gdb-no-wait needs --gdb, or --gdb-port");
}

TEST(Core, IsForThoseWhoAsk) {
  EXPECT_EQ(spec_of({}).core, std::nullopt);
  EXPECT_EQ(spec_of({.command_line = {.core = "file"}}).core, (CoreSpec{.path = "file"}));
  EXPECT_EQ(spec_of({.command_line = {.core = "file", .core_on = "exit", .core_limit = "2M"}}).core,
            (CoreSpec{.path = "file", .limit = std::uint64_t{2} << 20, .on_exit = true}));
  EXPECT_EQ(error_of({.command_line = {.core = "file", .core_on = "x"}}), "--core-on 'x': neither crash nor exit");
  EXPECT_EQ(error_of({.command_line = {.core = "file", .core_limit = "x"}}),
            "--core-limit 'x': not a size such as 64M, 512MiB or 2G");
  EXPECT_EQ(error_of({.command_line = {.core_on = "exit"}}), "--core-on needs --core");
  EXPECT_EQ(error_of({.command_line = {.core_limit = "1M"}}), "--core-limit needs --core");
}

}  // namespace
}  // namespace hermitage::launch
