#include "hermitage/inspect/difference.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "testing/kernels.hpp"

namespace hermitage::inspect {
namespace {

using entry::Arch;
using entry::Endian;
using testing::Elf;
using testing::kBindLocal;
using testing::kTypeFunction;
using testing::symbol_info;
namespace elf = entry::elf;

auto x86_64_kernel() -> Elf {
  return testing::minimal_kernel(Arch::x86_64, Endian::little, true);
}

auto subject_of(const Elf& kernel, std::string name = "kernel") -> Subject {
  const auto file = write(kernel);
  return make_subject(make_report(std::move(name), file), file);
}

auto compared(const Elf& before, const Elf& after) -> Difference {
  return compare(subject_of(before, "old"), subject_of(after, "new"));
}

auto function(std::string name, std::uint64_t value, std::uint64_t size) -> testing::SymbolDescription {
  return {.name = std::move(name), .info = symbol_info(kBindLocal, kTypeFunction), .value = value, .size = size};
}

TEST(Difference, OfAKernelWithItselfThereIsNone) {
  const auto kernel = x86_64_kernel();
  const auto difference = compared(kernel, kernel);
  EXPECT_EQ(difference.before, "old");
  EXPECT_EQ(difference.after, "new");
  EXPECT_EQ(difference.file_size_before, write(kernel).size());
  EXPECT_EQ(difference.file_size_after, difference.file_size_before);
  EXPECT_EQ(difference.image_before, difference.image_after);
  EXPECT_TRUE(difference.facts.empty());
  EXPECT_TRUE(difference.segments.empty());
  EXPECT_TRUE(difference.crates.empty());
  EXPECT_TRUE(difference.symbols.empty());
  EXPECT_TRUE(difference.relocations.empty());
  EXPECT_TRUE(difference.notes.empty());
  EXPECT_TRUE(difference.problems.empty());
}

TEST(Difference, SaysWhichSymbolsGrewShrankCameAndWent) {
  auto before = x86_64_kernel();
  const auto code = before.segments[0].vaddr;
  const auto size = before.segments[0].bytes.size();
  before.symbols = {function("_ZN1a4grew17h0123456789abcdefE", code, 8), function("shrank", code + 0x10, 32),
                    function("went", code + 0x30, 7), function("_ZN1a4same17h0123456789abcdefE", code + 0x38, 4)};
  auto after = before;
  // The hashes differ, as in each build.
  after.symbols = {function("_ZN1a4grew17hfedcba9876543210E", code, 16), function("shrank", code + 0x10, 2),
                   function("came", code + 0x30, 1), function("_ZN1a4same17hfedcba9876543210E", code + 0x38, 4)};
  const auto difference = compared(before, after);
  EXPECT_EQ(difference.symbols, (std::vector<Change>{
                                    {.name = "shrank", .before = ByteCount{.file = 32}, .after = ByteCount{.file = 2}},
                                    {.name = "a::grew", .before = ByteCount{.file = 8}, .after = ByteCount{.file = 16}},
                                    {.name = "went", .before = ByteCount{.file = 7}, .after = std::nullopt},
                                    {.name = "came", .before = std::nullopt, .after = ByteCount{.file = 1}},
                                }));
  ASSERT_EQ(difference.crates.size(), 3U);
  EXPECT_EQ(difference.crates[0],
            (Change{.name = "[C]", .before = ByteCount{.file = 39}, .after = ByteCount{.file = 3}}));
  EXPECT_EQ(difference.crates[1].name, "[no symbol]");
  EXPECT_EQ(difference.crates[1].size(), 28U);
  EXPECT_EQ(difference.crates[2],
            (Change{.name = "a", .before = ByteCount{.file = 12}, .after = ByteCount{.file = 20}}));
  EXPECT_GT(size, 0x40U);
}

TEST(Difference, SaysWhichSegmentsAreDifferent) {
  auto before = x86_64_kernel();
  auto after = before;
  after.segments[1].memsz = before.segments[1].memory_size() + 0x100;
  after.extra_segments.push_back({.type = elf::kSegmentGnuStack, .flags = elf::kFlagRead | elf::kFlagWrite});
  const auto difference = compared(before, after);
  const auto find = [&](const std::string& name) {
    return std::ranges::find(difference.segments, name, &Change::name);
  };
  // The size of the headers also differs.
  const auto data = find("PT_LOAD rw-");
  ASSERT_NE(data, difference.segments.end());
  EXPECT_EQ(data->after->zero, data->before->zero + 0x100);
  const auto stack = find("PT_GNU_STACK rw- (2)");
  ASSERT_NE(stack, difference.segments.end());
  EXPECT_FALSE(stack->before);
  EXPECT_EQ(stack->after, ByteCount{});
  EXPECT_EQ(find("PT_LOAD r-x"), difference.segments.end());
  EXPECT_EQ(difference.image_after.zero, difference.image_before.zero + 0x100);
  ASSERT_EQ(difference.facts.size(), 1U);
  EXPECT_EQ(difference.facts[0].name, "mem_size");
  EXPECT_EQ(std::get<std::uint64_t>(difference.facts[0].after),
            std::get<std::uint64_t>(difference.facts[0].before) + 0x100);
}

TEST(Difference, SaysWhichRelocationsAndNotesAreDifferent) {
  auto before = x86_64_kernel();
  auto after = before;
  after.relocations.pop_back();
  after.notes = {before.notes[0], before.notes[1], testing::uhyve_note(1), {.name = "extra", .type = 7}};
  const auto difference = compared(before, after);
  EXPECT_EQ(difference.relocations, (std::vector<CountChange>{{.name = "R_X86_64_RELATIVE",
                                                               .before = before.relocations.size(),
                                                               .after = before.relocations.size() - 1}}));
  ASSERT_EQ(difference.notes.size(), 2U);
  EXPECT_EQ(difference.notes[0].after->size(), 4U);
  EXPECT_EQ(difference.notes[0].before->back(), std::byte{2});
  EXPECT_EQ(difference.notes[0].after->back(), std::byte{1});
  EXPECT_EQ(difference.notes[1],
            (NoteChange{.name = "extra", .type = 7, .before = std::nullopt, .after = Descriptor{}}));
}

TEST(Difference, SaysWhichProblemsCameAndWent) {
  auto before = x86_64_kernel();
  before.os_abi = 0;
  auto after = x86_64_kernel();
  after.notes = {};
  const auto difference = compared(before, after);
  const auto find = [&](const std::string& code) {
    return std::ranges::find(difference.problems, code, &ProblemChange::code);
  };
  const auto went = find("os_abi");
  ASSERT_NE(went, difference.problems.end());
  EXPECT_EQ(went->severity, entry::Severity::warning);
  EXPECT_EQ(went->before, 1U);
  EXPECT_EQ(went->after, 0U);
  EXPECT_FALSE(went->message.empty());
  EXPECT_EQ(difference.problems.front().severity, entry::Severity::error);
  EXPECT_EQ(difference.problems.front().after, 1U);
  const auto loadable = std::ranges::find(difference.facts, "loadable", &FactChange::name);
  ASSERT_NE(loadable, difference.facts.end());
  EXPECT_EQ(loadable->before, Fact{true});
  EXPECT_EQ(loadable->after, Fact{false});
  // The facts that the new file does not state.
  const auto version = std::ranges::find(difference.facts, "hermit_version", &FactChange::name);
  ASSERT_NE(version, difference.facts.end());
  EXPECT_EQ(version->before, Fact{std::string{"0.11.0"}});
  EXPECT_EQ(version->after, Fact{});
}

TEST(Difference, AnyTwoFilesCanBeCompared) {
  const auto kernel = write(x86_64_kernel());
  const auto subject = make_subject(make_report("kernel", kernel), kernel);
  const auto nothing = make_subject(make_report("nothing", std::span<const std::byte>{}), {});
  const auto difference = compare(subject, nothing);
  EXPECT_EQ(difference.image_after, ByteCount{});
  for (const auto& change : difference.segments) EXPECT_FALSE(change.after);
  for (const auto& change : compare(nothing, subject).symbols) EXPECT_FALSE(change.before);
  EXPECT_TRUE(compare(nothing, nothing).facts.empty());
}

}  // namespace
}  // namespace hermitage::inspect
