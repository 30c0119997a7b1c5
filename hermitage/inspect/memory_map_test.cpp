#include "hermitage/inspect/memory_map.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "testing/kernels.hpp"

namespace hermitage::inspect {
namespace {

namespace elf = entry::elf;

constexpr std::uint64_t kBase = 0x100000;
constexpr std::uint64_t kSize = 0x10000;

// A report of a kernel at [kBase, kBase + kSize) with these segments.
auto report_with(std::vector<elf::Segment> segments, std::uint64_t entry_point = kBase) -> Report {
  Report report;
  report.first_vaddr = kBase;
  report.mem_size = kSize;
  report.entry_point = entry_point;
  report.segments = std::move(segments);
  return report;
}

auto load(std::uint64_t vaddr, std::uint64_t filesz, std::uint64_t memsz) -> elf::Segment {
  return {.type = elf::kSegmentLoad, .flags = elf::kFlagRead, .vaddr = vaddr, .filesz = filesz, .memsz = memsz};
}

auto tls(std::uint64_t vaddr, std::uint64_t filesz) -> elf::Segment {
  return {.type = elf::kSegmentTls, .flags = elf::kFlagRead, .vaddr = vaddr, .filesz = filesz, .memsz = filesz + 64};
}

auto map_of(const Report& report) -> MemoryMap {
  auto map = make_memory_map(report);
  EXPECT_TRUE(map);
  return map.value_or(MemoryMap{});
}

TEST(MemoryMap, ShowsWhatAKernelIsMadeOf) {
  for (const auto& target : testing::kTargets) {
    for (const bool is_relocatable : {true, false}) {
      const auto kernel = testing::minimal_kernel(target.arch, target.endian, is_relocatable);
      const auto map = map_of(make_report("kernel", write(kernel)));
      const auto& code = kernel.segments[0];
      const auto& data = kernel.segments[1];
      EXPECT_EQ(map.base, kernel.base);
      EXPECT_EQ(map.size, data.vaddr + data.memory_size() - kernel.base);
      EXPECT_EQ(map.entry, kernel.entry_point - kernel.base);
      ASSERT_EQ(map.regions.size(), 3U);

      EXPECT_EQ(map.regions[0].segment, 0U);
      EXPECT_EQ(map.regions[0].offset, 0U);
      EXPECT_EQ(map.regions[0].size, header_segment_size(kernel));
      EXPECT_EQ(map.regions[0].file_size, map.regions[0].size);

      EXPECT_EQ(map.regions[1].segment, 1U);
      EXPECT_EQ(map.regions[1].offset, code.vaddr - kernel.base);
      EXPECT_EQ(map.regions[1].size, code.bytes.size());
      EXPECT_EQ(map.regions[1].flags, code.flags);

      EXPECT_EQ(map.regions[2].segment, 2U);
      EXPECT_EQ(map.regions[2].offset, data.vaddr - kernel.base);
      EXPECT_EQ(map.regions[2].file_size, data.bytes.size());
      EXPECT_EQ(map.regions[2].size, data.memory_size());
      EXPECT_EQ(map.regions[2].flags, data.flags);

      ASSERT_TRUE(map.tls);
      EXPECT_EQ(map.tls->segment, 3U);
      EXPECT_EQ(map.tls->offset, kernel.tls->vaddr - kernel.base);
      EXPECT_EQ(map.tls->size, kernel.tls->filesz);
      EXPECT_EQ(map.tls->file_size, kernel.tls->filesz);
    }
  }
}

TEST(MemoryMap, IsNoneWithoutAnImage) {
  EXPECT_FALSE(make_memory_map(Report{}));
  EXPECT_FALSE(make_memory_map(make_report("empty", {})));
  for (const auto& sample : testing::sample_kernels()) {
    const auto report = make_report(sample.name, sample.bytes);
    const bool has_image = report.mem_size.value_or(0) != 0;
    EXPECT_EQ(make_memory_map(report).has_value(), has_image) << sample.name;
    if (sample.loadable) {
      EXPECT_TRUE(has_image) << sample.name;
    }
    if (sample.error == entry::ProblemCode::empty_image || sample.error == entry::ProblemCode::no_load_segment) {
      EXPECT_FALSE(has_image) << sample.name;
    }
  }
}

TEST(MemoryMap, LeavesOutWhatDoesNotLieInTheImage) {
  struct Case {
    std::uint64_t vaddr, memsz;
    bool is_shown;
  };
  constexpr Case kCases[] = {
      {kBase, 1, true},
      {kBase, kSize, true},
      {kBase, kSize + 1, false},
      {kBase + kSize - 1, 1, true},
      {kBase + kSize - 1, 2, false},
      {kBase + kSize, 1, false},
      {kBase - 1, 1, false},
      {kBase - 1, kSize, false},
      {0, UINT64_MAX, false},
      {UINT64_MAX, 1, false},
      {UINT64_MAX, UINT64_MAX, false},
      {kBase + 8, UINT64_MAX - 7, false},
      // Not visible.
      {kBase, 0, false},
      {kBase + kSize, 0, false},
  };
  for (const auto& [vaddr, memsz, is_shown] : kCases) {
    const auto map = map_of(report_with({load(vaddr, 0, memsz)}));
    ASSERT_EQ(map.regions.size(), is_shown ? 1U : 0U) << std::hex << vaddr << ' ' << memsz;
    if (!is_shown) continue;
    EXPECT_EQ(map.regions[0].offset, vaddr - kBase);
    EXPECT_EQ(map.regions[0].size, memsz);
  }
}

TEST(MemoryMap, CountsSegmentsAsTheFileDoes) {
  const auto map = map_of(report_with({{.type = elf::kSegmentNote, .vaddr = kBase, .filesz = 8, .memsz = 8},
                                       load(kBase, 8, 8),
                                       load(0, 8, 8),
                                       {.type = elf::kSegmentGnuStack},
                                       load(kBase + 16, 8, 8)}));
  ASSERT_EQ(map.regions.size(), 2U);
  EXPECT_EQ(map.regions[0].segment, 1U);
  EXPECT_EQ(map.regions[1].segment, 4U);
}

TEST(MemoryMap, NoMoreComesFromTheFileThanThereIsRoomFor) {
  const auto map = map_of(report_with({load(kBase, 100, 100), load(kBase, 50, 100), load(kBase, 0, 100),
                                       load(kBase, 101, 100), load(kBase, UINT64_MAX, 100)}));
  ASSERT_EQ(map.regions.size(), 5U);
  constexpr std::uint64_t kFileSizes[] = {100, 50, 0, 100, 100};
  for (std::size_t i = 0; i < std::size(kFileSizes); ++i) EXPECT_EQ(map.regions[i].file_size, kFileSizes[i]) << i;
}

TEST(MemoryMap, ShowsTheTlsTemplateWhenItIsInTheImage) {
  EXPECT_FALSE(map_of(report_with({})).tls);
  const auto inside = map_of(report_with({tls(kBase + kSize - 32, 32), tls(kBase, 8)}));
  ASSERT_TRUE(inside.tls);
  EXPECT_EQ(inside.tls->segment, 0U);
  EXPECT_EQ(inside.tls->offset, kSize - 32);
  EXPECT_EQ(inside.tls->size, 32U);
  EXPECT_FALSE(map_of(report_with({tls(kBase + kSize - 32, 33)})).tls);
  EXPECT_FALSE(map_of(report_with({tls(kBase - 1, 32)})).tls);
  EXPECT_FALSE(map_of(report_with({tls(kBase, 0)})).tls);
  EXPECT_FALSE(map_of(report_with({tls(UINT64_MAX, UINT64_MAX)})).tls);
}

TEST(MemoryMap, ShowsTheEntryPointWhenItIsInTheImage) {
  EXPECT_EQ(map_of(report_with({}, kBase)).entry, 0U);
  EXPECT_EQ(map_of(report_with({}, kBase + kSize - 1)).entry, kSize - 1);
  EXPECT_FALSE(map_of(report_with({}, kBase + kSize)).entry);
  EXPECT_FALSE(map_of(report_with({}, kBase - 1)).entry);
  EXPECT_FALSE(map_of(report_with({}, 0)).entry);
  EXPECT_FALSE(map_of(report_with({}, UINT64_MAX)).entry);
}

TEST(MemoryMap, ReachesToTheLastAddress) {
  auto report = report_with({load(UINT64_MAX - 0xfff, 0x10, 0xfff)}, UINT64_MAX - 1);
  report.first_vaddr = UINT64_MAX - 0xfff;
  report.mem_size = 0xfff;
  const auto map = map_of(report);
  ASSERT_EQ(map.regions.size(), 1U);
  EXPECT_EQ(map.regions[0].size, 0xfffU);
  EXPECT_EQ(map.entry, 0xffeU);
}

}  // namespace
}  // namespace hermitage::inspect
