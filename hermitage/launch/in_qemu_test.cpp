#include "hermitage/launch/in_qemu.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/launch/launch_testing.hpp"
#include "testing/images.hpp"

namespace hermitage::launch {
namespace {

using entry::Arch;

// Runs a kernel in what stands for QEMU; the guest's output goes to a file.
class InQemuTest : public ::testing::Test {
 protected:
  auto run(const FakeQemu& qemu, LaunchOptions options = {}, QemuOptions how = {}) -> OrFailure<RunReport> {
    options.output = qemu.file("output");
    options.sandbox = "none";
    Requested given{qemu.kernel(Arch::aarch64), std::move(options)};
    auto made = QemuRun::prepare(given.request, std::move(how));
    if (!made) return std::unexpected{made.error()};
    if (auto opened = made->open(); !opened) return std::unexpected{opened.error()};
    auto report = made->run();
    warnings = given.warnings;
    told = given.told;
    output = std::string{text_of(testing::read_bytes(qemu.file("output")))};
    return report;
  }

  std::vector<std::string> warnings;
  std::vector<std::string> told;
  std::string output;
};

TEST_F(InQemuTest, ReportsAnExit) {
  const auto report = run(FakeQemu{"echo hello; exit 42"});
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_EQ(exit_status(report->ending), 42);
  EXPECT_EQ(output, "hello\n");
  EXPECT_FALSE(report->lacked_network);
  EXPECT_TRUE(told.empty());
}

TEST_F(InQemuTest, TellsWhyItIsQemuAndWhatQemuSays) {
  const auto report = run(FakeQemu{"echo broken >&2; exit 1"}, {}, {.reason = "there is no KVM"});
  ASSERT_TRUE(report);
  const auto* const failed = std::get_if<EngineFailed>(&report->ending);
  ASSERT_NE(failed, nullptr);
  EXPECT_EQ(failed->reason, "") << "it has said so itself";
  ASSERT_EQ(told.size(), 2U);
  EXPECT_TRUE(told.front().ends_with("/kernel: runs in QEMU: the kernel is for aarch64")) << told.front();
  EXPECT_EQ(told.back(), ": broken");
}

TEST_F(InQemuTest, NoticesThatANetworkIsLacking) {
  const FakeQemu qemu{"echo 'Network is down'; exit 1"};
  const auto report = run(qemu);
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->lacked_network);
  const auto with_network = run(qemu, {.qemu_args = {"-nic", "user"}});
  ASSERT_TRUE(with_network);
  EXPECT_FALSE(with_network->lacked_network);
  EXPECT_FALSE(with_network->lacked_memory);
}

TEST_F(InQemuTest, NoticesThatMemoryIsLacking) {
  const auto report = run(FakeQemu{"echo 'memory allocation of 4096 bytes failed'; exit 1"});
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->lacked_memory);
  EXPECT_FALSE(report->lacked_network);
}

TEST_F(InQemuTest, GuestsOutputBeginsBehindTheHandover) {
  const FakeQemu qemu{R"(printf '%s\n' "$@" >"$(dirname "$0")/words"
word=$(grep -o 'hermitage.handover=[0-9a-f]*' "$(dirname "$0")/words" | sed 's/.*=//')
echo firmware; echo '[LOADER][WARN] odd'; echo "[LOADER][HANDOVER] $word"; echo hello)"};
  const auto report = run(qemu, {.loader = qemu.telling_loader()});
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_EQ(exit_status(report->ending), 0);
  EXPECT_EQ(output, "hello\n");
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_TRUE(warnings.front().ends_with(": odd")) << warnings.front();
}

TEST_F(InQemuTest, AGuestThatWasNotEnteredHasNotStarted) {
  const FakeQemu qemu{"echo firmware; exit 0"};
  const auto report = run(qemu, {.loader = qemu.telling_loader()});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().text,
            "the virtual machine ended before the boot loader entered the kernel, without an error message");
}

TEST_F(InQemuTest, KeepsTheDeadline) {
  const FakeQemu qemu{"exec sleep 60"};
  Requested given{qemu.kernel(Arch::aarch64), {.output = "none", .sandbox = "none"}};
  given.request.deadline = RunRequest::Clock::now();
  auto made = QemuRun::prepare(given.request, {});
  ASSERT_TRUE(made);
  ASSERT_TRUE(made->open());
  const auto report = made->run();
  ASSERT_TRUE(report);
  EXPECT_TRUE(std::holds_alternative<TimedOut>(report->ending));
}

TEST_F(InQemuTest, ShowsWhatAShellWouldDo) {
  const FakeQemu qemu{"exit 0"};
  Requested given{qemu.kernel(Arch::aarch64)};
  const auto made = QemuRun::prepare(given.request, {.is_dry = true});
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->shell_text().starts_with("qemu-system-aarch64 ")) << made->shell_text();
}

TEST_F(InQemuTest, SaysBothReasonsWhereNeitherEngineCan) {
  const FakeQemu qemu{"exit 0"};
  const auto report = run(qemu, {.tempdir = "/tmp"}, {.reason = "there is no KVM", .monitor_has_tried = true});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().text,
            "the kernel is for aarch64; QEMU cannot run it either: QEMU does not support --tempdir");
}

TEST_F(InQemuTest, RefusesWhatIsNoKernel) {
  const FakeQemu qemu{"exit 0"};
  for (const std::string content : {"#!/bin/sh\n",
                                    "\x7f"
                                    "ELF",
                                    "\x1f\x8b no gzip"}) {
    const testing::TemporaryDirectory directory;
    Requested given{directory.write("file", content)};
    const auto made = QemuRun::prepare(given.request, {});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().subject, directory.file("file"));
    EXPECT_EQ(made.error().code, Failure::Code::not_started);
    EXPECT_FALSE(made.error().is_the_engines);
  }
}

}  // namespace
}  // namespace hermitage::launch
