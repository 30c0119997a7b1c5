#include "hermitage/oci/settings.hpp"

#include <filesystem>

#include <gtest/gtest.h>

#include "testing/environment.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::oci {
namespace {

using hermitage::testing::Variable;

auto error_of(std::string_view toml) -> std::string {
  const auto settings = parse_settings(toml, "f");
  return settings ? "none" : settings.error();
}

TEST(Settings, AreRead) {
  EXPECT_EQ(parse_settings("", "f"), Settings{});
  EXPECT_EQ(parse_settings("runtime = '/usr/bin/crun'\nmonitor = '/opt/hermitage'", "f"),
            (Settings{.runtime = "/usr/bin/crun", .monitor = "/opt/hermitage"}));
}

TEST(Settings, AreRefusedWhenTheyAreWrong) {
  EXPECT_EQ(error_of("runtimes = 'x'"), "f:1:12: unknown key 'runtimes'");
  EXPECT_EQ(error_of("runtime = 7"), "f:1:11: 'runtime' is not a path");
  EXPECT_EQ(error_of("runtime = ''"), "f:1:11: 'runtime' is not a path");
  EXPECT_EQ(error_of("monitor = 'hermitage'"), "f: 'monitor' is not an absolute path");
  EXPECT_TRUE(error_of("runtime = ").starts_with("f:1:"));
}

TEST(Settings, AreInAFile) {
  const hermitage::testing::TemporaryDirectory directory;
  const Variable file{"HERMITAGE_OCI_CONFIG", directory.write("oci.toml", "runtime = 'crun'\n")};
  EXPECT_EQ(read_settings(), Settings{.runtime = "crun"});
  const Variable none{"HERMITAGE_OCI_CONFIG", directory.file("none")};
  EXPECT_EQ(read_settings().error(), "open " + directory.file("none") + ": No such file or directory");
}

TEST(Settings, NamePrograms) {
  EXPECT_EQ(runtime_path({.runtime = "sh"}).value().substr(0, 1), "/");
  EXPECT_EQ(runtime_path({.runtime = "/bin/sh"}), "/bin/sh");
  EXPECT_EQ(runtime_path({.runtime = "no-such-runtime"}).error(),
            "the runtime no-such-runtime is not installed; install it, or set 'runtime' in /etc/hermitage/oci.toml");
  EXPECT_EQ(runtime_path({.runtime = "/none"}).error(),
            "the runtime /none: No such file or directory; set 'runtime' in /etc/hermitage/oci.toml");
  const auto own = std::filesystem::read_symlink("/proc/self/exe").string();
  EXPECT_EQ(runtime_path({.runtime = own}).error(),
            "the runtime " + own + " is hermitage-oci itself; set 'runtime' in /etc/hermitage/oci.toml");
  EXPECT_EQ(monitor_path({.monitor = "/bin/sh"}), "/bin/sh");
  EXPECT_EQ(monitor_path({.monitor = "/none"}).error(),
            "the monitor /none: No such file or directory; set 'monitor' in /etc/hermitage/oci.toml");
}

}  // namespace
}  // namespace hermitage::oci
