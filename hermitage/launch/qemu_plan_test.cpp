#include "hermitage/launch/qemu_plan.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/launch/launch_testing.hpp"

namespace hermitage::launch {
namespace {

using entry::Arch;

// The value after `option` on QEMU's command line.
auto value_of(const QemuPlan& plan, const std::string& option) -> std::string {
  const auto found = std::ranges::find(plan.line.words, option);
  return found == plan.line.words.end() || found + 1 == plan.line.words.end() ? std::string{} : *(found + 1);
}

class QemuPlanTest : public ::testing::Test {
 protected:
  auto plan(LaunchOptions options, const QemuOptions& how = {}) -> OrFailure<QemuPlan> {
    const Requested given{qemu.kernel(Arch::aarch64), std::move(options)};
    auto made = plan_for_qemu(given.request, image, how);
    warnings = given.warnings;
    return made;
  }
  auto error_of(LaunchOptions options, const QemuOptions& how = {}) -> std::string {
    const auto made = plan(std::move(options), how);
    return made ? std::string{} : made.error().text;
  }

  FakeQemu qemu{"exit 0"};
  QemuImage image{.size = 4096, .target = {.arch = Arch::aarch64}, .config = {}};
  std::vector<std::string> warnings;
};

TEST_F(QemuPlanTest, HasWhatTheSpecSays) {
  const auto made = plan({.memory_size = "128M",
                          .cpu_count = 2,
                          .sandbox = "none",
                          .kernel_args = {"word"},
                          .words = {"a b"},
                          .qemu_args = {"-name", "guest"}});
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_EQ(value_of(*made, "-m"), "128M");
  EXPECT_EQ(value_of(*made, "-smp"), "2");
  EXPECT_EQ(value_of(*made, "-append"), "word -- 'a b'");
  EXPECT_EQ(value_of(*made, "-name"), "guest");
  EXPECT_EQ(value_of(*made, "-kernel"), qemu.file("hermitage-loader-aarch64"));
  EXPECT_FALSE(made->is_confined);
  EXPECT_TRUE(made->handover.empty());
  EXPECT_TRUE(warnings.empty());
}

TEST_F(QemuPlanTest, IsConfinedUnlessTheSpecSaysOtherwise) {
  const auto made = plan({});
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->is_confined);
  EXPECT_NE(value_of(*made, "-sandbox"), "");
}

TEST_F(QemuPlanTest, RefusesWhatQemuDoesNotHave) {
  const std::pair<LaunchOptions, const char*> cases[] = {
      {{.affinity = "0"}, "--affinity"},
      {{.tempdir = "/tmp"}, "--tempdir"},
      {{.temp_limit = "1M"}, "--temp-limit"},
      {{.control = "path"}, "--control"},
      {{.core = "file"}, "--core"},
      {{.image_mode = "external"}, "--hermit-image-mode external"},
      {{.file_isolation = "strict"}, "--file-isolation"},
      {{.io_mode = "host=direct"}, "--io-mode"},
      {{.file_mappings = {{.host = "/tmp", .guest = "/tmp"}}}, "--file-mapping"},
      {{.timer = true}, "--pit"},
      {{.manages_power = true}, "--cpu-pm without KVM"},
      {{.timeline = "file"}, "--timeline"},
      {{.profile = "file"}, "--profile"},
      {{.stats = true}, "--stats"},
  };
  for (const auto& [options, name] : cases) {
    const auto made = plan(options);
    ASSERT_FALSE(made) << name;
    EXPECT_EQ(made.error().text, "QEMU does not support " + std::string{name});
    EXPECT_EQ(made.error().code, Failure::Code::usage);
    EXPECT_TRUE(made.error().is_the_engines);
  }
  EXPECT_EQ(error_of({.file_isolation = "none"}), "");
  EXPECT_EQ(error_of({}, {.refused = "--trace"}), "QEMU does not support --trace");
}

TEST_F(QemuPlanTest, TellsALoaderThatKnowsOfTheHandover) {
  const LaunchOptions options{.loader = qemu.telling_loader()};
  const auto made = plan(options);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->handover.size(), 32U);
  EXPECT_EQ(value_of(*made, "-append"), "hermitage.handover=" + made->handover + " hermitage.log=warn");
  EXPECT_FALSE(made->has_loader_log);

  const auto again = plan(options);
  ASSERT_TRUE(again);
  EXPECT_NE(again->handover, made->handover);

  const auto dry = plan(options, {.is_dry = true});
  ASSERT_TRUE(dry);
  EXPECT_TRUE(dry->handover.empty());
  EXPECT_EQ(value_of(*dry, "-append"), "hermitage.log=warn");
}

TEST_F(QemuPlanTest, WordsForTheLoaderComeFirst) {
  const auto made =
      plan({.words = {"--", "quiet", "hermitage.log=debug", "--", "word"}, .loader = qemu.telling_loader()},
           {.is_dry = true});
  ASSERT_TRUE(made);
  EXPECT_EQ(value_of(*made, "-append"), "hermitage.log=debug quiet -- word");
  EXPECT_TRUE(made->has_loader_log);
}

// Without this, the loader would add the image's arguments.
TEST_F(QemuPlanTest, SaysThatAnImageHasNoArguments) {
  image.is_packed = true;
  const auto none = plan({});
  ASSERT_TRUE(none);
  EXPECT_EQ(value_of(*none, "-append"), " --");
  image.config.app_args = {"word"};
  const auto some = plan({});
  ASSERT_TRUE(some);
  EXPECT_EQ(value_of(*some, "-append"), "-- word");
}

TEST_F(QemuPlanTest, WarnsOfVariablesThatAnOldKernelDoesNotTake) {
  const LaunchOptions options{.env_vars = {"A=b", "C=d"}};
  ASSERT_TRUE(plan(options));
  EXPECT_TRUE(warnings.empty());
  image.takes_variables = false;
  ASSERT_TRUE(plan(options));
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_TRUE(warnings.front().ends_with("no environment variables in QEMU; 2 are ignored")) << warnings.front();
}

TEST_F(QemuPlanTest, HasTheNetwork) {
  const auto made = plan({.net = "user", .publish = {"8080:80"}, .pcap = "net.pcap"});
  ASSERT_TRUE(made);
  EXPECT_EQ(value_of(*made, "-netdev"), "user,id=hermitage,hostfwd=tcp::8080-:80");
  EXPECT_EQ(value_of(*made, "-object"), "filter-dump,id=hermitage-pcap,netdev=hermitage,file=net.pcap");
  EXPECT_EQ(error_of({.net = "fd:999"}), "--net fd:999: not open; the parent process must pass an open descriptor");
  const base::Descriptor file{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  const auto number = std::to_string(file.get());
  const auto with_socket = plan({.net = "fd:" + number});
  ASSERT_TRUE(with_socket) << "whatever is no tap";
  EXPECT_EQ(value_of(*with_socket, "-netdev"), "socket,id=hermitage,fd=" + number);
}

// Guests in the same network must not share QEMU's default address.
TEST_F(QemuPlanTest, GivesEachGuestAnAddressOfItsOwn) {
  const auto card = [this](const char* net) {
    const auto made = plan({.net = net});
    if (!made) return made.error().text;
    const auto is_card = [](const std::string& word) { return word.starts_with("virtio-net-pci"); };
    const auto found = std::ranges::find_if(made->line.words, is_card);
    return found == made->line.words.end() ? std::string{} : *found;
  };
  EXPECT_NE(card("tap:tap0").find(",mac=02:"), std::string::npos) << card("tap:tap0");
  EXPECT_NE(card("tap:tap0"), card("tap:tap0"));
  EXPECT_EQ(card("user").find(",mac="), std::string::npos) << "it is alone";
  EXPECT_NE(card("tap:tap0,mac=02:00:00:00:00:07").find(",mac=02:00:00:00:00:07"), std::string::npos);
}

TEST_F(QemuPlanTest, NeedsALoaderUnlessTheKernelBootsByItself) {
  EXPECT_EQ(error_of({.loader = qemu.file("none")}), "No such file or directory");
  EXPECT_EQ(error_of({.loader = "/"}), "is a directory");
  EXPECT_EQ(error_of({.loader = "/dev/null"}), "is not a regular file");
  image.target = {.arch = Arch::riscv64};
  const auto missing = plan({});
  ASSERT_FALSE(missing);
  EXPECT_TRUE(missing.error().is_the_engines);
  image.needs_loader = false;
  image.target = {.arch = Arch::x86_64};
  const auto alone = plan({});
  ASSERT_TRUE(alone);
  EXPECT_EQ(value_of(*alone, "-kernel"), qemu.file("kernel"));
}

}  // namespace
}  // namespace hermitage::launch
