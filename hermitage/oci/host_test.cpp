#include "hermitage/oci/host.hpp"

#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>

#include "testing/environment.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::oci {
namespace {

using hermitage::testing::Variable;
using Outcome = base::HostCheck::Outcome;

auto check_of(const std::string& subject, const EngineFiles& files = {}) -> base::HostCheck {
  const auto checks = check_host(files);
  const auto found = std::ranges::find(checks, subject, &base::HostCheck::subject);
  return found == checks.end() ? base::HostCheck{} : *found;
}

TEST(Host, NeedsItsPrograms) {
  const hermitage::testing::TemporaryDirectory directory;
  const Variable settings{"HERMITAGE_OCI_CONFIG",
                          directory.write("oci.toml", "runtime = '/bin/sh'\nmonitor = '/proc/self/exe'\n")};
  EXPECT_EQ(check_of("runtime").outcome, Outcome::good);
  EXPECT_EQ(check_of("runtime").finding, "/bin/sh creates the containers");
  // This test is linked dynamically.
  EXPECT_EQ(check_of("monitor").outcome, Outcome::missing);
  EXPECT_TRUE(check_of("monitor").finding.starts_with("/proc/self/exe is not a statically linked program"));
}

TEST(Host, SaysWhatIsWrongInTheSettings) {
  const hermitage::testing::TemporaryDirectory directory;
  const Variable settings{"HERMITAGE_OCI_CONFIG", directory.write("oci.toml", "x = 1\n")};
  EXPECT_EQ(check_of("settings").outcome, Outcome::missing);
  EXPECT_EQ(check_of("settings").finding, directory.file("oci.toml") + ":1:5: unknown key 'x'");
}

TEST(Host, LooksIntoTheConfigurationOfEngines) {
  const hermitage::testing::TemporaryDirectory directory;
  const auto podman = directory.write("podman", "");
  std::filesystem::permissions(podman, std::filesystem::perms::owner_all);
  const Variable path{"PATH", directory.path()};
  EXPECT_EQ(check_of("containerd").finding, "not installed");
  const EngineFiles files{.podman = directory.file("conf"), .containerd = {}};
  EXPECT_EQ(check_of("podman", files).outcome, Outcome::weak);
  directory.write("conf", "hermitage = ['/usr/bin/hermitage-oci']\n");
  EXPECT_EQ(check_of("podman", files).outcome, Outcome::good);
}

}  // namespace
}  // namespace hermitage::oci
