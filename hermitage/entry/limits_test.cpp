// Worst-case costs of malicious kernels: the values of the table in docs/limits.md.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/entry/kernel_object.hpp"
#include "hermitage/entry/load_plan.hpp"
#include "testing/allocations.hpp"
#include "testing/duration.hpp"
#include "testing/elf_writer.hpp"
#include "testing/kernels.hpp"

namespace hermitage::entry {
namespace {

using Bytes = std::vector<std::byte>;
using testing::Elf;

constexpr std::uint64_t kPageSize = 4096;

// The factor by which the time may grow if the input grows tenfold. Linear time gives 10, quadratic time 100. The
// value between them tolerates other load on the host.
constexpr int kTenfold = 30;

// A kernel with `count` entries in each of its tables.
auto large_kernel(std::size_t count) -> Elf {
  auto kernel = testing::minimal_kernel(Arch::x86_64, Endian::little, true);
  constexpr std::uint64_t kRoom = 0x4000000;
  kernel.entry_point += kRoom;
  for (auto& segment : kernel.segments) segment.vaddr += kRoom;
  kernel.tls->vaddr += kRoom;
  kernel.relocations.clear();
  const auto data = kernel.segments.back().vaddr;
  for (std::size_t i = 0; i < count; ++i) {
    kernel.relocations.push_back({.offset = data, .type = testing::relocation_types(Arch::x86_64).relative});
    kernel.notes.push_back({.name = "n", .type = 1});
    kernel.dynamic_symbols.push_back({.name = "s" + std::to_string(i)});
    kernel.symbols.push_back({.name = "t" + std::to_string(i)});
    kernel.extra_dynamic.push_back({.tag = 0x7fffffff, .value = i});
  }
  // The ELF header cannot state a larger number.
  constexpr std::size_t kMostSegments = 60'000;
  kernel.extra_segments.assign(std::min(count, kMostSegments), {.type = elf::kSegmentGnuStack, .align = 1});
  return kernel;
}

// Reads a kernel completely, with the names of its symbols.
void read_all(std::span<const std::byte> bytes) {
  const auto kernel = KernelObject::parse(bytes);
  ASSERT_TRUE(kernel);
  const auto ignore = [](const Problem&) { return true; };
  examine_oddities(kernel->file(), kernel->facts(), ignore);
  examine_relocations(kernel->file(), kernel->facts(), ignore);
  std::size_t names = 0;
  const auto symbols = kernel->file().symbols();
  for (const auto symbol : symbols.symbols()) names += symbols.name(symbol).size();
  EXPECT_GT(names, 0U);
}

TEST(KernelLimits, ReadsEachTableOnce) {
  const auto small = write(large_kernel(1000));
  const auto large = write(large_kernel(10'000));
  const auto duration_of = [](const Bytes& bytes) { return testing::shortest_duration([&] { read_all(bytes); }); };
  EXPECT_LE(duration_of(large), kTenfold * duration_of(small));
}

TEST(KernelLimits, ReadingAllocatesNothing) {
  const auto bytes = write(large_kernel(1000));
  EXPECT_EQ(testing::allocations_of([&] { read_all(bytes); }).total, 0U);
}

// Segments over the same zeros. Every 12 bytes are an empty note.
auto kernel_of_overlapping_notes(std::size_t segments, std::size_t size) -> Bytes {
  auto kernel = testing::minimal_kernel(Arch::x86_64, Endian::little, true);
  constexpr std::uint64_t kRoom = 0x100000;
  kernel.entry_point += kRoom;
  for (auto& segment : kernel.segments) segment.vaddr += kRoom;
  kernel.tls->vaddr += kRoom;
  kernel.relocations.clear();
  kernel.segments[1].bytes.assign(size, std::byte{0});
  kernel.segments[1].memsz.reset();
  kernel.extra_segments.assign(segments, {.type = elf::kSegmentNote, .filesz = size, .align = 4});
  auto bytes = write(kernel);
  const auto zeros_at = testing::segment_begin(bytes, testing::find_segment(bytes, elf::kSegmentLoad, 2));
  const auto first = testing::find_segment(bytes, elf::kSegmentNote);
  for (std::size_t i = 0; i < segments; ++i) {
    testing::patch<std::uint64_t>(bytes, offset_of(testing::SegmentField::offset, first + i), zeros_at, Endian::little);
  }
  return bytes;
}

TEST(KernelLimits, ReadsNoMoreNotesThanTheFileHasBytes) {
  constexpr std::size_t kNoteSize = 12;
  for (const std::size_t size : {6'000UZ, 60'000UZ}) {
    const auto bytes = kernel_of_overlapping_notes(100, size);
    const auto file = ElfFile::open(bytes);
    ASSERT_TRUE(file);
    std::size_t notes = 0;
    file->for_each_note([&](const Note&, std::uint64_t) { ++notes; });
    EXPECT_GE(notes, size / kNoteSize);
    EXPECT_LE(notes, bytes.size() / kNoteSize);
  }
}

struct Plan {
  explicit Plan(const KernelObject& kernel)
      : pages{LoadPlan::page_count(kernel, {0}, kPageSize)}, flags{std::make_unique<bool[]>(pages)} {}

  // Makes the plan and iterates over its steps. Returns their number.
  auto follow(const KernelObject& kernel) const -> std::size_t {
    const auto plan = LoadPlan::make(kernel, {0}, kPageSize, {flags.get(), pages});
    EXPECT_TRUE(plan);
    std::size_t steps = 0;
    for (auto step = plan->begin(); step != plan->end(); ++step) ++steps;
    return steps;
  }

  std::uint64_t pages;
  std::unique_ptr<bool[]> flags;
};

TEST(LoadPlanLimits, LooksAtEachRelocationOnce) {
  std::chrono::duration<double> durations[2];
  for (const std::size_t count : {10'000UZ, 100'000UZ}) {
    const auto bytes = testing::many_relocations_kernel(count);
    const auto kernel = KernelObject::parse(bytes);
    ASSERT_TRUE(kernel);
    const Plan plan{*kernel};
    durations[count / 100'000] = testing::shortest_duration([&] { plan.follow(*kernel); });
    EXPECT_EQ(testing::allocations_of([&] { plan.follow(*kernel); }).total, 0U);
  }
  EXPECT_LE(durations[1], kTenfold * durations[0]);
}

// Segments of one byte, with a gap after each.
auto kernel_of_segments(std::size_t count) -> Bytes {
  auto kernel = testing::minimal_kernel(Arch::x86_64, Endian::little, true);
  constexpr std::uint64_t kRoom = 0x400000;
  kernel.entry_point += kRoom;
  for (auto& segment : kernel.segments) segment.vaddr += kRoom;
  kernel.tls->vaddr += kRoom;
  kernel.relocations.clear();
  const auto begin = kernel.segments.back().vaddr + 0x100000;
  for (std::size_t i = 0; i < count; ++i) {
    kernel.segments.push_back({.vaddr = begin + i * 2, .bytes = Bytes(1), .align = 1});
  }
  return write(kernel);
}

TEST(LoadPlanLimits, TakesAFewStepsASegment) {
  std::chrono::duration<double> durations[2];
  for (const std::size_t count : {1000UZ, 10'000UZ}) {
    const auto bytes = kernel_of_segments(count);
    const auto kernel = KernelObject::parse(bytes);
    ASSERT_TRUE(kernel);
    const Plan plan{*kernel};
    EXPECT_LE(plan.follow(*kernel), 2 * count + 20);
    durations[count / 10'000] = testing::shortest_duration([&] { plan.follow(*kernel); });
  }
  EXPECT_LE(durations[1], kTenfold * durations[0]);
}

}  // namespace
}  // namespace hermitage::entry
