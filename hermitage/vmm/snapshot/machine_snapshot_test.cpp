// Guests that are saved while they run, and continue in another machine.
#include <linux/kvm.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hermitage/vmm/kvm/state.hpp"
#include "hermitage/vmm/machine.hpp"
#include "hermitage/vmm/machine_testing.hpp"
#include "hermitage/vmm/snapshot/snapshot_testing.hpp"
#include "testing/input_pipe.hpp"

namespace hermitage::vmm {
namespace {

using namespace std::chrono_literals;
using snapshot::file_with;
using snapshot::test_file;

class MachineSnapshotTest : public MachineTest {
 protected:
  auto snapshot_options(const std::string& when_output) -> SnapshotOptions {
    return {.file = Descriptor{::dup(file.get())}, .image = "guest", .when_output = when_output};
  }

  // Runs a guest until it is saved in `file`.
  auto save(const std::string& guest, MachineOptions options, SnapshotOptions when) -> RunResult {
    options.output = OutputFile{directory.path() + "/output"};
    options.snapshot = std::move(when);
    auto result = run(guest, std::move(options));
    EXPECT_TRUE(std::holds_alternative<Saved>(result.ending));
    EXPECT_TRUE(result.saved && *result.saved) << (result.saved ? result.saved->error().message() : "not tried");
    return result;
  }

  auto restore(MachineOptions options = {}) -> Result<Machine> {
    auto saved = snapshot::Snapshot::open(Descriptor{::dup(file.get())});
    if (!saved) return std::unexpected{saved.error()};
    if (std::holds_alternative<StandardOutput>(options.output)) options.output = OutputBuffer{};
    options.timeout = 1min;
    return Machine::restore(*saved, std::move(options), GuestFiles{directory.path()});
  }

  // Replaces the first place of some bytes in the header and the tables, and sets the checksums right.
  void replace(std::span<const std::byte> bytes, std::ptrdiff_t offset, std::span<const std::byte> by) {
    auto content = snapshot::content_of(file);
    const auto size = snapshot::head_size(content, content.size());
    ASSERT_TRUE(size);
    const auto head = std::span{content}.first(*size);
    const auto found = std::ranges::search(head, bytes);
    ASSERT_FALSE(found.empty());
    std::ranges::copy(by, found.begin() + offset);
    snapshot::seal(head);
    ASSERT_EQ(::pwrite(file.get(), head.data(), head.size(), 0), static_cast<ssize_t>(head.size()));
  }

  Descriptor file = [] {
    auto made = test_file();
    ::fchmod(made.get(), 0600);
    return made;
  }();
};

TEST_P(MachineSnapshotTest, ContinuesAGuestThatWaitsForInput) {
  {
    const testing::InputPipe input;
    save("serial_echo", {}, snapshot_options("ready"));
  }
  for (int clone = 0; clone < 3; ++clone) {
    testing::InputPipe input{"hello\x04"};
    auto machine = restore();
    ASSERT_TRUE(machine) << machine.error().message();
    const auto result = machine->run();
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(exit_code(*result), 0);
    EXPECT_EQ(result->output, "hello5 bytes\n");
  }
}

// Four vCPUs that all wait in the same way.
TEST_P(MachineSnapshotTest, ContinuesSeveralVcpus) {
  for (const std::string wait : {"spin", "halt", "input"}) {
    MachineOptions options{
        .cpu_count = 4,
        .arguments = {.program = "waits", .kernel = {}, .application = {"stay", wait}, .environment = {}}};
    const testing::InputPipe input;
    ASSERT_EQ(::ftruncate(file.get(), 0), 0);
    save("waits", std::move(options), snapshot_options("ready"));
    auto machine = restore();
    ASSERT_TRUE(machine) << wait << ": " << machine.error().message();
    std::jthread stopper{[&] {
      // All vCPUs run: they can be paused, which takes two rounds of all of them.
      while (machine->pause() != PauseOutcome::paused) std::this_thread::yield();
      machine->resume();
      machine->stop(7);
    }};
    const auto result = machine->run();
    ASSERT_TRUE(result) << result.error().message();
    const auto* const stopped = std::get_if<Stopped>(&result->ending);
    ASSERT_NE(stopped, nullptr) << wait << " " << exit_code(*result);
    EXPECT_EQ(stopped->reason, 7);
  }
}

TEST_P(MachineSnapshotTest, SavesAGuestThatContinues) {
  testing::InputPipe input;
  auto options = snapshot_options("ready");
  options.continues = true;
  options.publish = [&]() -> Result<void> {
    input.put("\x04");
    return {};
  };
  auto result =
      run("serial_echo", {.output = OutputFile{directory.path() + "/output"}, .snapshot = std::move(options)});
  EXPECT_EQ(exit_code(result), 0);
  ASSERT_TRUE(result.saved && *result.saved);
  const testing::InputPipe other{"more"};
  auto machine = restore();
  ASSERT_TRUE(machine) << machine.error().message();
  const auto restored = machine->run();
  ASSERT_TRUE(restored);
  EXPECT_EQ(restored->output, "more4 bytes\n");
}

TEST_P(MachineSnapshotTest, SavesAnIdleGuest) {
  const testing::InputPipe input;
  auto when = snapshot_options("");
  when.when_idle = true;
  save("serial_echo", {}, std::move(when));
  EXPECT_TRUE(restore());
}

TEST_P(MachineSnapshotTest, SavesFromAnotherThread) {
  const testing::InputPipe input;
  std::atomic<bool> is_ready = false;
  auto machine = create("serial_echo", {.output = OutputFile{directory.path() + "/output"},
                                        .on_output = [&](std::string_view) { is_ready = true; }});
  Result<void> saved;
  std::jthread saver{[&] {
    while (!is_ready) std::this_thread::yield();
    saved = machine.save(file.get());
    machine.stop(1);
  }};
  ASSERT_TRUE(machine.run());
  saver.join();
  ASSERT_TRUE(saved) << saved.error().message();
  EXPECT_TRUE(restore());
}

// As in a process that has been given a descriptor of /dev/kvm, and cannot open it.
TEST_P(MachineSnapshotTest, SavesWithoutOpeningFiles) {
  const testing::InputPipe input;
  std::atomic<bool> is_ready = false;
  auto machine = create("serial_echo", {.output = OutputFile{directory.path() + "/output"},
                                        .on_output = [&](std::string_view) { is_ready = true; }});
  Result<void> saved;
  std::jthread saver{[&] {
    while (!is_ready) std::this_thread::yield();
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    // From the lowest free descriptor on. Fewer would also limit poll(2).
    const Descriptor lowest{::dup(file.get())};
    const rlimit none{.rlim_cur = static_cast<rlim_t>(lowest.get()), .rlim_max = before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
    saved = machine.save(file.get());
    ::setrlimit(RLIMIT_NOFILE, &before);
    machine.stop(1);
  }};
  ASSERT_TRUE(machine.run());
  saver.join();
  ASSERT_TRUE(saved) << saved.error().message();
  EXPECT_TRUE(restore());
}

TEST_P(MachineSnapshotTest, ReportsAFailureToPublish) {
  const testing::InputPipe input;
  auto when = snapshot_options("ready");
  when.publish = [] { return fail(ErrorCode::host_failed, "renameat: No space left on device"); };
  const auto result =
      run("serial_echo", {.output = OutputFile{directory.path() + "/output"}, .snapshot = std::move(when)});
  EXPECT_TRUE(std::holds_alternative<Saved>(result.ending));
  ASSERT_TRUE(result.saved);
  EXPECT_EQ(result.saved->error().message(), "renameat: No space left on device");
}

TEST_P(MachineSnapshotTest, TellsThatTheGuestHasEndedBefore) {
  const auto result =
      run("exit_code", {.arguments = {.program = "exit_code", .kernel = {}, .application = {"3"}, .environment = {}},
                        .output = OutputFile{directory.path() + "/output"},
                        .snapshot = snapshot_options("never")});
  EXPECT_EQ(exit_code(result), 3);
  EXPECT_FALSE(result.saved);
}

TEST_P(MachineSnapshotTest, RefusesWhatASnapshotDetermines) {
  const testing::InputPipe input;
  save("serial_echo", {}, snapshot_options("ready"));
  const auto restored = restore({.affinity = {0, 0}});
  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().message(), "cannot bind 1 vCPUs to a list of 2 CPUs");
}

// Within one boot of the host, they stay the same.
TEST_P(MachineSnapshotTest, ComparesFeaturesThatAreOfAnotherBoot) {
  const testing::InputPipe input;
  save("serial_echo", {}, snapshot_options("ready"));
  const auto boot = kvm::host_boot();
  if (boot.empty()) GTEST_SKIP() << "the host does not identify its boots";
  constexpr std::array<std::uint32_t, 2> kLeaf{0x8000'0001, 0};  // function and index
  const std::uint32_t all_features = UINT32_MAX;
  replace(std::as_bytes(std::span{&kLeaf, 1}).first(offsetof(kvm_cpuid_entry2, flags)), offsetof(kvm_cpuid_entry2, edx),
          std::as_bytes(std::span{&all_features, 1}));
  EXPECT_TRUE(restore());
  const std::string other(boot.size(), 'x');
  replace(std::as_bytes(std::span{boot}), 0, std::as_bytes(std::span{other}));
  const auto restored = restore();
  ASSERT_FALSE(restored);
  constexpr auto kMessage = "this host lacks features of the CPU that the guest uses: CPUID 0x80000001.0 EDX bit ";
  EXPECT_TRUE(restored.error().message().starts_with(kMessage)) << restored.error().message();
}

TEST_P(MachineSnapshotTest, ContinuesAGuestOfAnotherBoot) {
  const testing::InputPipe input;
  save("serial_echo", {}, snapshot_options("ready"));
  const auto boot = kvm::host_boot();
  if (boot.empty()) GTEST_SKIP() << "the host does not identify its boots";
  const std::string other(boot.size(), 'x');
  replace(std::as_bytes(std::span{boot}), 0, std::as_bytes(std::span{other}));
  const testing::InputPipe more{"x\x04"};
  auto machine = restore();
  ASSERT_TRUE(machine) << machine.error().message();
  const auto result = machine->run();
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->output, "x1 bytes\n");
}

TEST_P(MachineSnapshotTest, RefusesWhatNeedsTheKernelWithoutIt) {
  const testing::InputPipe input;
  save("serial_echo", {}, snapshot_options("ready"));
  constexpr auto kMessage = "the snapshot does not contain the kernel, which a debugger, a core and a profile need";
  const auto with_profile = restore({.profile = std::make_shared<observe::Profile>(997)});
  ASSERT_FALSE(with_profile);
  EXPECT_EQ(with_profile.error().message(), kMessage);
  const auto with_core = restore({.core = debug::CoreOptions{.file = Descriptor{::dup(file.get())}}});
  ASSERT_FALSE(with_core);
  EXPECT_EQ(with_core.error().message(), kMessage);
}

TEST_P(MachineSnapshotTest, RefusesANetworkWithoutACard) {
  const testing::InputPipe input;
  save("serial_echo", {}, snapshot_options("ready"));
  MachineOptions options;
  options.network.emplace();
  const auto restored = restore(std::move(options));
  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().message(), "the guest has no network card");
}

INSTANTIATE_TEST_SUITE_P(Interfaces, MachineSnapshotTest, ::testing::Values("if1", "if3"));

}  // namespace
}  // namespace hermitage::vmm
