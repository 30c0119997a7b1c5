#include "hermitage/loader/protection.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "testing/elf_writer.hpp"
#include "testing/kernels.hpp"

namespace hermitage::loader {
namespace {

using entry::elf::kFlagExecute;
using entry::elf::kFlagRead;
using entry::elf::kFlagWrite;

struct Segment {
  std::uint64_t vaddr;
  std::uint64_t size;
  std::uint32_t flags;
};

auto protection(const std::vector<Segment>& segments, std::uint64_t start) -> std::vector<ProtectedRange> {
  auto description = hermitage::testing::minimal_kernel(entry::Arch::x86_64, entry::Endian::little, true);
  description.segments.clear();
  description.relocations.clear();
  description.symbols.clear();
  description.tls.reset();
  description.dynamic_symbols.clear();
  for (const auto& segment : segments) {
    description.segments.push_back(
        {.vaddr = segment.vaddr, .flags = segment.flags, .bytes = std::vector<std::byte>(16), .memsz = segment.size});
  }
  const auto file = hermitage::testing::write(description);
  const auto kernel = entry::KernelObject::parse(file);
  if (!kernel) throw std::runtime_error{kernel.error().message().c_str()};
  // The first segment contains the file's headers.
  const Protection made{*kernel, {start}};
  return {made.ranges().begin(), made.ranges().end()};
}

TEST(Protection, FollowsSegments) {
  const auto ranges =
      protection({{0x2000, 0x1800, kFlagRead | kFlagExecute}, {0x4000, 0x10, kFlagRead | kFlagWrite}}, 0x200000);
  ASSERT_GE(ranges.size(), 2U);
  EXPECT_EQ(ranges[ranges.size() - 2], (ProtectedRange{{{0x202000}, {0x204000}}, kReadExecute}));
  EXPECT_EQ(ranges.back(), (ProtectedRange{{{0x204000}, {0x205000}}, kReadWrite}));
}

TEST(Protection, AllowsWhatEitherSegmentOfAPageDoes) {
  const auto ranges = protection({{0x2000, 0x1800, kFlagRead | kFlagExecute},
                                  {0x3800, 0x100, kFlagRead | kFlagWrite},
                                  {0x3900, 0x1000, kFlagRead}},
                                 0x200000);
  ASSERT_GE(ranges.size(), 3U);
  EXPECT_EQ(ranges[ranges.size() - 3], (ProtectedRange{{{0x202000}, {0x203000}}, kReadExecute}));
  EXPECT_EQ(ranges[ranges.size() - 2], (ProtectedRange{{{0x203000}, {0x204000}}, kAll}));
  EXPECT_EQ(ranges.back(), (ProtectedRange{{{0x204000}, {0x205000}}, {}}));
}

TEST(Protection, AscendsWithoutOverlap) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto file = hermitage::testing::random_kernel(seed, entry::Arch::x86_64, entry::Endian::little);
    const auto kernel = entry::KernelObject::parse(file);
    ASSERT_TRUE(kernel);
    const Protection made{*kernel, kernel->start_addr().value_or(GuestAddress{0x200000})};
    std::uint64_t last = 0;
    for (const auto& [range, access] : made.ranges()) {
      EXPECT_LE(last, range.start.value);
      EXPECT_LT(range.start.value, range.end.value);
      EXPECT_EQ(range.start.value % Protection::kPageSize, 0U);
      last = range.end.value;
    }
  }
}

}  // namespace
}  // namespace hermitage::loader
