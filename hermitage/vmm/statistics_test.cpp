#include "hermitage/vmm/statistics.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::vmm {
namespace {

using Exits = std::map<std::string, std::vector<std::uint64_t>>;

constexpr const char* kRead = "port read";
constexpr const char* kHalt = "halt";

TEST(ExitCounts, AreAddedByReasonAndVcpu) {
  ExitCounts first;
  first.add(kRead);
  first.add(kHalt);
  first.add(kRead);
  ExitCounts second;
  second.add(kHalt);
  Statistics statistics;
  first.add_to(statistics, 0, 3);
  second.add_to(statistics, 2, 3);
  EXPECT_EQ(statistics.exits, (Exits{{kHalt, {1, 0, 1}}, {kRead, {2, 0, 0}}}));
}

TEST(ExitCounts, OfNoExitAddNothing) {
  Statistics statistics;
  ExitCounts{}.add_to(statistics, 0, 1);
  EXPECT_TRUE(statistics.exits.empty());
}

// Two literals with the same characters, as two devices can have.
TEST(ExitCounts, OfTwoLiteralsWithOneNameAreOneReason) {
  static constexpr char kOther[] = "halt";
  ExitCounts counts;
  counts.add(kHalt);
  counts.add(kOther);
  Statistics statistics;
  counts.add_to(statistics, 0, 1);
  EXPECT_EQ(statistics.exits, (Exits{{kHalt, {2}}}));
}

TEST(PeakMemory, IsInBytesAndGrows) {
  const auto before = peak_memory();
  EXPECT_GT(before, std::uint64_t{1} << 20);
  const std::vector<char> more(before + (std::size_t{16} << 20), 'x');
  EXPECT_GE(peak_memory(), more.size());
}

}  // namespace
}  // namespace hermitage::vmm
