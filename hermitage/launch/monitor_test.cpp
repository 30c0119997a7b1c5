#include "hermitage/launch/monitor.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/launch/launch_testing.hpp"
#include "hermitage/launch/monitor_host.hpp"
#include "hermitage/vmm/ending.hpp"
#include "hermitage/vmm/observe/profile.hpp"
#include "hermitage/vmm/observe/timeline.hpp"
#include "hermitage/vmm/statistics.hpp"
#include "testing/images.hpp"

namespace hermitage::launch {
namespace {

using namespace std::chrono_literals;

// Runs guests of our own, where there is a KVM for them. Their output goes to a file.
class MonitorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto hello = guest("hello");
    if (!std::filesystem::exists(hello)) GTEST_SKIP() << "no " << hello;
    const Requested given{hello, options()};
    if (auto made = MonitorRun::prepare(given.request); !made) GTEST_SKIP() << made.error().text;
  }

  [[nodiscard]] static auto guest(const std::string& name) -> std::string {
    return std::string{HERMITAGE_GUESTS} + "/x86_64/if3/" + name;
  }
  [[nodiscard]] auto options(std::vector<std::string> words = {}) const -> LaunchOptions {
    return {.output = directory.file("output"), .file_isolation = "none", .sandbox = "none", .words = std::move(words)};
  }
  [[nodiscard]] auto output() const -> std::string {
    return std::string{text_of(hermitage::testing::read_bytes(directory.file("output")))};
  }

  hermitage::testing::TemporaryDirectory directory;
};

auto prepared(const Requested& given) -> MonitorRun {
  auto made = MonitorRun::prepare(given.request);
  if (!made) throw std::runtime_error{made.error().text};
  return *std::move(made);
}

TEST_F(MonitorTest, ReportsAnExit) {
  const Requested given{guest("exit_code"), options({"42"})};
  auto run = prepared(given);
  EXPECT_EQ(run.statistics(), nullptr);
  const auto report = run.run();
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_EQ(exit_status(report->ending), 42);
  EXPECT_FALSE(report->lacked_network);
  EXPECT_FALSE(report->lacked_memory);
  EXPECT_EQ(run.crash(), nullptr);
  ASSERT_NE(run.statistics(), nullptr);
  EXPECT_FALSE(run.statistics()->exits.empty());
}

TEST_F(MonitorTest, OutputGoesWhereTheSpecSays) {
  const Requested given{guest("hello"), options()};
  auto run = prepared(given);
  ASSERT_TRUE(run.run());
  EXPECT_TRUE(output().starts_with("Hello")) << output();
}

TEST_F(MonitorTest, TracesHypercalls) {
  Requested given{guest("hello"), options()};
  std::vector<std::string> lines;
  given.request.callbacks.trace = [&lines](std::string_view line) { lines.emplace_back(line); };
  auto run = prepared(given);
  ASSERT_TRUE(run.run());
  EXPECT_FALSE(lines.empty());
}

TEST_F(MonitorTest, TimesHypercallsOnlyIfAsked) {
  auto options_with_stats = options();
  options_with_stats.stats = true;
  Requested silent{guest("hello"), options()};
  Requested told{guest("hello"), options_with_stats};
  Requested written{guest("hello"), options()};
  written.request.times_hypercalls = true;
  const auto hypercalls_of = [](const Requested& given) {
    auto run = prepared(given);
    EXPECT_TRUE(run.run());
    return run.statistics()->hypercalls;
  };
  EXPECT_TRUE(hypercalls_of(silent).empty());
  for (const auto* const given : {&told, &written}) {
    const auto hypercalls = hypercalls_of(*given);
    ASSERT_TRUE(hypercalls.contains("exit"));
    const auto& exit = hypercalls.at("exit");
    EXPECT_EQ(exit.count, 1U);
    EXPECT_GT(exit.total, 0ns);
    EXPECT_LE(exit.median, exit.total);
  }
}

TEST_F(MonitorTest, RecordsATimeline) {
  auto with_timeline = options();
  with_timeline.timeline = directory.file("timeline");
  const Requested given{guest("hello"), with_timeline};
  auto run = prepared(given);
  ASSERT_TRUE(run.run());
  run.free_machine();
  ASSERT_NE(run.timeline(), nullptr);
  std::map<std::string, std::vector<std::string>> names;
  std::vector<std::string> lines;
  for (const auto* const track : run.timeline()->tracks()) {
    track->for_each([&, name = track->name()](const vmm::observe::TimelineEvent& event) {
      names[name].emplace_back(event.name);
      if (name == "output") lines.emplace_back(event.detail_text());
      EXPECT_GE(event.duration.count(), 0) << event.name;
    });
  }
  const auto has = [&](const std::string& track, const std::string& name) {
    return std::ranges::find(names[track], name) != names[track].end();
  };
  for (const auto* const phase : {"read the image", "load the kernel", "create the virtual machine", "run the guest"}) {
    EXPECT_TRUE(has("monitor", phase)) << phase;
  }
  EXPECT_TRUE(has("vCPU 0", "hypercall exit"));
  ASSERT_FALSE(lines.empty());
  EXPECT_TRUE(lines.front().starts_with("Hello")) << lines.front();
  const Requested without{guest("hello"), options()};
  EXPECT_EQ(prepared(without).timeline(), nullptr);
}

TEST_F(MonitorTest, TakesAProfile) {
  auto with_profile = options({"stay", "spin"});
  with_profile.profile = directory.file("profile");
  Requested given{guest("waits"), with_profile};
  given.request.deadline = RunRequest::Clock::now() + 300ms;
  auto run = prepared(given);
  ASSERT_TRUE(run.run());
  ASSERT_NE(run.profile(), nullptr);
  EXPECT_EQ(run.profile()->rate(), 997U);
  ASSERT_EQ(run.profile()->vcpus().size(), 1U);
  const auto kernel = run.read_kernel();
  const auto& tree = *run.profile()->vcpus().front();
  EXPECT_GT(tree.samples(), 10U);
  tree.for_each([&](std::span<const vmm::observe::Frame> stack, const char* /*activity*/, std::uint64_t /*samples*/) {
    EXPECT_GE(stack.front().address, kernel.start);
    EXPECT_LT(stack.front().address, kernel.end);
  });
  const Requested without{guest("hello"), options()};
  EXPECT_EQ(prepared(without).profile(), nullptr);
}

TEST_F(MonitorTest, ShowsWhereAGuestDied) {
  const Requested given{guest("hostile"), options({"triple-fault"})};
  auto run = prepared(given);
  const auto report = run.run();
  ASSERT_TRUE(report) << report.error().text;
  run.free_machine();
  const auto* const crashed = std::get_if<GuestCrashed>(&report->ending);
  ASSERT_NE(crashed, nullptr);
  ASSERT_NE(run.crash(), nullptr);
  EXPECT_EQ(run.crash()->reason, crashed->reason);
  EXPECT_EQ(run.hypercalls().size(), 1U);
  const auto kernel = run.read_kernel();
  EXPECT_LT(kernel.start, kernel.end);
  EXPECT_EQ(text_of(kernel.elf), text_of(hermitage::testing::read_bytes(guest("hostile"))));
}

TEST_F(MonitorTest, IsStoppedBeforeItBegins) {
  Requested given{guest("hello"), options()};
  bool is_told = false;
  given.request.callbacks.on_stop = [&is_told] { is_told = true; };
  auto run = prepared(given);
  run.stop(SIGTERM);
  const auto report = run.run();
  ASSERT_TRUE(report) << report.error().text;
  const auto* const stopped = std::get_if<Stopped>(&report->ending);
  ASSERT_NE(stopped, nullptr);
  EXPECT_EQ(stopped->signal, SIGTERM);
  EXPECT_TRUE(is_told);
}

TEST_F(MonitorTest, KeepsTheDeadline) {
  Requested given{guest("waits"), options({"stay", "spin"})};
  given.request.deadline = RunRequest::Clock::now() + 50ms;
  auto run = prepared(given);
  const auto report = run.run();
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_TRUE(std::holds_alternative<TimedOut>(report->ending));
}

TEST_F(MonitorTest, AKernelForAnotherMachineIsLeftToAnotherEngine) {
  const auto elf = write(hermitage::testing::minimal_kernel(entry::Arch::aarch64, entry::Endian::little, true));
  const Requested given{directory.write("kernel", text_of(elf)), options()};
  const auto made = MonitorRun::prepare(given.request);
  ASSERT_FALSE(made);
  EXPECT_TRUE(made.error().is_the_engines);
  EXPECT_EQ(made.error().subject, directory.file("kernel"));
}

TEST_F(MonitorTest, RefusesWhatIsNoKernel) {
  for (const std::string content : {"#!/bin/sh\n", "\x1f\x8b no gzip"}) {
    const Requested given{directory.write("file", content), options()};
    const auto made = MonitorRun::prepare(given.request);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Failure::Code::not_started);
    EXPECT_FALSE(made.error().is_the_engines);
  }
}

TEST_F(MonitorTest, TheHostIsGoodWhereGuestsRun) {
  EXPECT_FALSE(check_monitor().empty());
}

}  // namespace
}  // namespace hermitage::launch
