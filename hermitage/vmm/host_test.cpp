#include "hermitage/vmm/host.hpp"

#include <sys/sysinfo.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace hermitage::vmm {
namespace {

TEST(CheckHost, LooksAtEachSubjectOnce) {
  std::set<std::string> subjects;
  for (const auto& check : check_host()) {
    EXPECT_TRUE(subjects.insert(std::string{check.subject}).second) << check.subject;
    EXPECT_FALSE(check.finding.empty()) << check.subject;
  }
  for (const auto* const subject : {"system", "KVM", "memory", "huge pages", "Landlock", "seccomp", "temporary files",
                                    "passt", "tap interfaces", "vhost-net"}) {
    EXPECT_TRUE(subjects.contains(subject)) << subject;
  }
}

// Every Linux since 3.14 reports it.
TEST(CheckHost, SaysHowMuchMemoryIsLeft) {
  const auto checks = check_host();
  const auto memory = std::ranges::find(checks, "memory", &HostCheck::subject);
  ASSERT_NE(memory, checks.end());
  EXPECT_TRUE(memory->finding.ends_with(" MiB available")) << memory->finding;
  struct sysinfo system{};
  ASSERT_EQ(::sysinfo(&system), 0);
  std::uint64_t mebibytes = 0;
  std::from_chars(memory->finding.data(), memory->finding.data() + memory->finding.size(), mebibytes);
  EXPECT_GT(mebibytes, 0U);
  EXPECT_LE(mebibytes, (std::uint64_t{system.totalram} * system.mem_unit) >> 20);
}

}  // namespace
}  // namespace hermitage::vmm
