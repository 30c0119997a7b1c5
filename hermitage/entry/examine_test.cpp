#include "hermitage/entry/examine.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/entry/kernel_object.hpp"
#include "testing/elf_writer.hpp"
#include "testing/kernels.hpp"

namespace hermitage::entry {
namespace {

using testing::minimal_kernel;

struct Examined {
  std::vector<Problem> errors;
  std::vector<Problem> oddities;
  KernelFacts facts;
};

auto examine_all(const std::vector<std::byte>& bytes) -> Examined {
  Examined examined;
  const auto file = ElfFile::open(bytes);
  if (!file) {
    examined.errors.push_back(file.error());
    return examined;
  }
  auto collect_error = [&](const Problem& problem) {
    examined.errors.push_back(problem);
    return true;
  };
  auto collect_oddity = [&](const Problem& problem) {
    examined.oddities.push_back(problem);
    return true;
  };
  examined.facts = examine(*file, collect_error);
  if (examined.errors.empty()) examine_relocations(*file, examined.facts, collect_error);
  examine_oddities(*file, examined.facts, collect_oddity);
  return examined;
}

auto has(const std::vector<Problem>& problems, ProblemCode code) -> bool {
  return std::ranges::find(problems, code, &Problem::code) != problems.end();
}

class Samples : public ::testing::TestWithParam<testing::NamedKernel> {};

TEST_P(Samples, AreJudgedAsTheirMakerSays) {
  const auto& sample = GetParam();
  const auto examined = examine_all(sample.bytes);
  EXPECT_EQ(examined.errors.empty(), sample.loadable);
  if (sample.error) {
    EXPECT_TRUE(has(examined.errors, *sample.error));
  }
  if (sample.oddity) {
    EXPECT_TRUE(has(examined.oddities, *sample.oddity));
  }
  for (const auto& problem : examined.errors) EXPECT_EQ(problem.severity(), Severity::error);
  for (const auto& problem : examined.oddities) EXPECT_NE(problem.severity(), Severity::error);
}

INSTANTIATE_TEST_SUITE_P(All, Samples, ::testing::ValuesIn(testing::sample_kernels()), [](const auto& param) {
  auto name = param.param.name;
  std::ranges::replace(name, '-', '_');
  return name;
});

// The index is that of the program header, for every type of segment.
TEST(Examine, NamesTheSegmentThatIsOutsideOfTheFile) {
  std::size_t named = 0;
  for (const auto& sample : testing::sample_kernels()) {
    const auto file = ElfFile::open(sample.bytes);
    if (!file) continue;
    for (const auto& problem : examine_all(sample.bytes).errors) {
      if (problem.code != ProblemCode::segment_outside_file && problem.code != ProblemCode::note_segment_outside_file &&
          problem.code != ProblemCode::dynamic_segment_outside_file) {
        continue;
      }
      const auto segments = file->segments();
      ASSERT_LT(problem.index, segments.size()) << sample.name;
      const auto segment = segments[problem.index];
      EXPECT_EQ(segment.offset, problem.offset) << sample.name;
      EXPECT_EQ(segment.type == elf::kSegmentDynamic, problem.code == ProblemCode::dynamic_segment_outside_file);
      EXPECT_EQ(segment.type == elf::kSegmentNote, problem.code == ProblemCode::note_segment_outside_file);
      ++named;
    }
  }
  EXPECT_GE(named, 3U);
}

TEST(Examine, LearnsEverythingOfARightKernel) {
  for (const auto& target : testing::kTargets) {
    const auto kernel = minimal_kernel(target.arch, target.endian, true);
    const auto examined = examine_all(write(kernel));
    EXPECT_TRUE(examined.errors.empty());
    EXPECT_TRUE(examined.oddities.empty());
    const auto& facts = examined.facts;
    EXPECT_EQ(facts.arch, target.arch);
    EXPECT_TRUE(facts.is_relocatable);
    EXPECT_EQ(facts.entry_version, 4);
    EXPECT_EQ(facts.hermit_version, (HermitVersion{0, 11, 0}));
    EXPECT_EQ(facts.uhyve_interface, UhyveInterfaceVersion{2});
    EXPECT_EQ(facts.first_vaddr, 0U);
    EXPECT_EQ(facts.mem_size, kernel.segments.back().vaddr + kernel.segments.back().memory_size());
    ASSERT_TRUE(facts.tls);
    EXPECT_EQ(facts.tls->vaddr, kernel.tls->vaddr);
  }
}

TEST(Examine, ReportsEveryErrorNotOnlyTheFirst) {
  auto kernel = minimal_kernel(Arch::x86_64, Endian::little, true);
  kernel.notes = {testing::hermit_note(3)};
  kernel.needed = {"libc.so"};
  auto bytes = write(kernel);
  testing::patch<std::uint16_t>(bytes, offset_of(testing::HeaderField::machine), 3, Endian::little);
  const auto examined = examine_all(bytes);
  EXPECT_EQ(examined.errors.size(), 3U);
  EXPECT_TRUE(has(examined.errors, ProblemCode::unsupported_machine));
  EXPECT_TRUE(has(examined.errors, ProblemCode::entry_version));
  EXPECT_TRUE(has(examined.errors, ProblemCode::linked_dynamically));
  EXPECT_EQ(examined.facts.entry_version, 3);
}

TEST(Examine, StopsWhenTheSinkHasHadEnough) {
  auto kernel = minimal_kernel(Arch::x86_64, Endian::little, true);
  kernel.notes.clear();
  kernel.needed = {"libc.so"};
  const auto bytes = write(kernel);
  const auto file = ElfFile::open(bytes);
  ASSERT_TRUE(file);
  int count = 0;
  auto take_one = [&](const Problem&) {
    ++count;
    return false;
  };
  examine(*file, take_one);
  EXPECT_EQ(count, 1);
}

TEST(Examine, TakesAnyCallableForASink) {
  const auto bytes = write(minimal_kernel(Arch::x86_64, Endian::little, true));
  const auto file = ElfFile::open(bytes);
  ASSERT_TRUE(file);
  const auto refuse = [](const Problem&) { return false; };
  EXPECT_TRUE(examine(*file, refuse).mem_size);
  EXPECT_TRUE(examine(*file, [](const Problem&) { return true; }).mem_size);
}

// 60,000 segments contain the same notes: reading them all would take hours.
TEST(Examine, TakesNoLongerForOverlappingNotes) {
  auto kernel = minimal_kernel(Arch::x86_64, Endian::little, true);
  constexpr std::size_t kRoom = 0x400000;
  constexpr std::size_t kSegments = 60000;
  kernel.entry_point += kRoom;
  for (auto& segment : kernel.segments) segment.vaddr += kRoom;
  kernel.tls->vaddr += kRoom;
  kernel.relocations.clear();
  kernel.segments[1].bytes.assign(0x400000, std::byte{0});
  kernel.segments[1].memsz.reset();
  const elf::Segment notes{.type = elf::kSegmentNote, .filesz = 0x400000, .align = 4};
  kernel.extra_segments.assign(kSegments, notes);
  auto bytes = write(kernel);
  const auto zeros_at = testing::segment_begin(bytes, testing::find_segment(bytes, elf::kSegmentLoad, 2));
  const auto first = testing::find_segment(bytes, elf::kSegmentNote);
  for (std::size_t i = 0; i < kSegments; ++i) {
    testing::patch<std::uint64_t>(bytes, offset_of(testing::SegmentField::offset, first + i), zeros_at, Endian::little);
  }
  const auto examined = examine_all(bytes);
  EXPECT_TRUE(has(examined.errors, ProblemCode::note_segments_overlap));
}

TEST(Examine, SaysWhereAndWhat) {
  auto bytes = write(minimal_kernel(Arch::x86_64, Endian::little, true));
  const auto index = testing::find_segment(bytes, elf::kSegmentLoad, 1);
  testing::patch<std::uint64_t>(bytes, offset_of(testing::SegmentField::filesz, index), 0x7000000, Endian::little);
  const auto examined = examine_all(bytes);
  const auto outside = std::ranges::find(examined.errors, ProblemCode::segment_outside_file, &Problem::code);
  ASSERT_NE(outside, examined.errors.end());
  EXPECT_EQ(outside->index, index);
  EXPECT_EQ(outside->expected, 0x7000000U);
  EXPECT_EQ(outside->found, bytes.size());
}

TEST(Examine, ListsEachRelocationThatCannotBeApplied) {
  auto kernel = minimal_kernel(Arch::x86_64, Endian::little, true);
  kernel.relocations.push_back({.offset = 0x7fffffff, .type = 8});
  kernel.relocations.push_back({.offset = 0x2000, .type = 99});
  const auto examined = examine_all(write(kernel));
  ASSERT_EQ(examined.errors.size(), 2U);
  EXPECT_EQ(examined.errors[0].code, ProblemCode::relocation_outside_memory);
  EXPECT_EQ(examined.errors[0].index, kernel.relocations.size() - 2);
  EXPECT_EQ(examined.errors[1].code, ProblemCode::unsupported_relocation);
  EXPECT_EQ(examined.errors[1].found, 99U);
}

// ---- Numbers that are too large for the ELF header

// A kernel with the numbers in section header 0.
auto extended_kernel(std::uint32_t segment_count, std::uint64_t section_count) -> std::vector<std::byte> {
  using testing::HeaderField;
  auto file = write(testing::minimal_kernel(Arch::x86_64, Endian::little, true));
  const auto opened = ElfFile::open(file);
  const auto header = opened->header();
  testing::patch<std::uint16_t>(file, testing::offset_of(HeaderField::phnum), 0xffff, Endian::little);
  testing::patch<std::uint16_t>(file, testing::offset_of(HeaderField::shnum), 0, Endian::little);
  testing::patch<std::uint16_t>(file, testing::offset_of(HeaderField::shstrndx), 0xffff, Endian::little);
  testing::patch<std::uint64_t>(file, header.shoff + 32, section_count, Endian::little);
  testing::patch<std::uint32_t>(file, header.shoff + 40, header.shstrndx, Endian::little);
  testing::patch<std::uint32_t>(file, header.shoff + 44, segment_count, Endian::little);
  return file;
}

auto errors_of(const std::vector<std::byte>& bytes) -> std::vector<ProblemCode> {
  std::vector<ProblemCode> codes;
  static_cast<void>(examine(*ElfFile::open(bytes), [&codes](const Problem& problem) {
    codes.push_back(problem.code);
    return true;
  }));
  return codes;
}

TEST(ExtendedNumbers, AreThoseOfTheSameKernel) {
  const auto plain = write(testing::minimal_kernel(Arch::x86_64, Endian::little, true));
  const auto expected = ElfFile::open(plain);
  const auto file = extended_kernel(expected->header().phnum, expected->header().shnum);
  const auto opened = ElfFile::open(file);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->segments().size(), expected->segments().size());
  ASSERT_EQ(opened->sections().size(), expected->sections().size());
  for (std::size_t i = 1; i < expected->sections().size(); ++i) {
    EXPECT_EQ(opened->section_name(opened->sections()[i]), expected->section_name(expected->sections()[i]));
  }
  EXPECT_EQ(errors_of(file), std::vector<ProblemCode>{});
  EXPECT_TRUE(KernelObject::parse(file));
}

TEST(ExtendedNumbers, BeyondTheFileAreOneError) {
  for (const std::uint32_t count : {0x10000U, 0x40000000U, 0xffffffffU}) {
    EXPECT_EQ(errors_of(extended_kernel(count, 1)), std::vector{ProblemCode::segment_table_outside_file}) << count;
  }
}

TEST(ExtendedNumbers, OfSectionsBeyondTheFileAreOdd) {
  const auto plain = write(testing::minimal_kernel(Arch::x86_64, Endian::little, true));
  const auto segment_count = ElfFile::open(plain)->header().phnum;
  for (const std::uint64_t count : {std::uint64_t{1} << 20, std::uint64_t{1} << 58, UINT64_MAX}) {
    const auto file = extended_kernel(segment_count, count);
    const auto opened = ElfFile::open(file);
    EXPECT_EQ(errors_of(file), std::vector<ProblemCode>{}) << count;
    std::vector<ProblemCode> odd;
    examine_oddities(*opened, examine(*opened, [](const Problem&) { return true; }), [&odd](const Problem& problem) {
      odd.push_back(problem.code);
      return true;
    });
    EXPECT_EQ(odd, std::vector{ProblemCode::section_table_outside_file}) << count;
  }
}

}  // namespace
}  // namespace hermitage::entry
