#include "hermitage/entry/load_plan.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/elf_writer.hpp"
#include "testing/kernels.hpp"

namespace hermitage::entry {
namespace {

using Action = LoadStep::Action;
using testing::minimal_kernel;

constexpr std::uint64_t kPageSize = 4096;

// A plan with the objects it refers to.
struct Planned {
  std::unique_ptr<bool[]> flags;
  std::vector<LoadStep> steps;
  std::vector<bool> relocated;  // one flag per page
};

auto plan(const KernelObject& kernel, GuestAddress start, std::uint64_t page_size = kPageSize) -> Planned {
  const auto pages = LoadPlan::page_count(kernel, start, page_size);
  Planned planned{.flags = std::make_unique<bool[]>(pages), .steps = {}, .relocated = {}};
  const auto made = LoadPlan::make(kernel, start, page_size, {planned.flags.get(), pages});
  if (!made) throw std::runtime_error{std::string{made.error().message().view()}};
  for (const auto& step : *made) planned.steps.push_back(step);
  planned.relocated.assign(planned.flags.get(), planned.flags.get() + pages);
  return planned;
}

auto parse(const std::vector<std::byte>& bytes) -> KernelObject {
  const auto kernel = KernelObject::parse(bytes);
  if (!kernel) throw std::runtime_error{std::string{kernel.error().message().view()}};
  return *kernel;
}

// Executes the steps of the plan like a monitor, but copies instead of mapping.
auto follow(const KernelObject& kernel, GuestAddress start, const Planned& planned, const std::vector<std::byte>& file)
    -> std::vector<std::byte> {
  std::vector<std::byte> memory(kernel.mem_size(), std::byte{0xa5});
  for (const auto& step : planned.steps) {
    const auto target = std::span{memory}.subspan(step.memory_offset, step.size);
    if (step.action == Action::zero) {
      std::ranges::fill(target, std::byte{0});
    } else {
      std::ranges::copy(std::span{file}.subspan(step.file_offset.value, step.size), target.begin());
    }
  }
  if (!kernel.relocate(memory, start)) throw std::runtime_error{"cannot be relocated"};
  return memory;
}

auto loaded(const KernelObject& kernel, GuestAddress start) -> std::vector<std::byte> {
  std::vector<std::byte> memory(kernel.mem_size());
  if (!kernel.load(memory, start)) throw std::runtime_error{"cannot be loaded"};
  return memory;
}

TEST(LoadPlan, FollowedToTheLetterGivesWhatLoadGives) {
  for (const auto& sample : testing::sample_kernels()) {
    if (!sample.loadable) continue;
    const auto kernel = parse(sample.bytes);
    for (const std::uint64_t wanted : {0x40000ULL, 0x200000ULL, 0x40123ULL}) {
      for (const std::uint64_t page_size : {0x1000ULL, 0x10000ULL, 8ULL}) {
        const auto start = kernel.start_addr().value_or(GuestAddress{wanted});
        const auto planned = plan(kernel, start, page_size);
        EXPECT_EQ(follow(kernel, start, planned, sample.bytes), loaded(kernel, start)) << sample.name;
      }
    }
  }
}

TEST(LoadPlan, CoversTheImageInOrderWithoutOverlap) {
  for (const auto& sample : testing::sample_kernels()) {
    if (!sample.loadable) continue;
    const auto kernel = parse(sample.bytes);
    std::uint64_t covered = 0;
    for (const auto& step : plan(kernel, kernel.start_addr().value_or(GuestAddress{0x40000})).steps) {
      EXPECT_EQ(step.memory_offset, covered) << sample.name;
      EXPECT_GT(step.size, 0U) << sample.name;
      covered += step.size;
    }
    EXPECT_EQ(covered, kernel.mem_size()) << sample.name;
  }
}

TEST(LoadPlan, MapsWholePagesOnly) {
  for (const auto& sample : testing::sample_kernels()) {
    if (!sample.loadable) continue;
    const auto kernel = parse(sample.bytes);
    const auto start = kernel.start_addr().value_or(GuestAddress{0x40000});
    for (const auto& step : plan(kernel, start).steps) {
      if (step.action != Action::map) continue;
      EXPECT_EQ((start.value + step.memory_offset) % kPageSize, 0U) << sample.name;
      EXPECT_EQ(step.file_offset.value % kPageSize, 0U) << sample.name;
      EXPECT_EQ(step.size % kPageSize, 0U) << sample.name;
    }
  }
}

// A relocatable kernel. Its data segment begins in the middle of a page, and has more than five pages.
auto kernel_with_edges() -> testing::Elf {
  auto description = minimal_kernel(Arch::x86_64, Endian::little, true);
  description.relocations.clear();
  description.tls.reset();
  auto& data = description.segments[1];
  data.vaddr += 0x10;
  data.bytes.assign(5 * kPageSize + 0x20, std::byte{7});
  data.memsz = data.bytes.size() + 0x30;
  return description;
}

TEST(LoadPlan, CopiesTheEdgesOfASegmentAndMapsItsMiddle) {
  auto description = kernel_with_edges();
  const auto data = description.segments[1].vaddr;
  const auto middle = data - 0x10 + kPageSize;
  // The last relocation writes to two pages.
  description.relocations = {{.offset = middle + 8, .type = 8}, {.offset = middle + 3 * kPageSize - 4, .type = 8}};
  const auto file = write(description);
  const auto kernel = parse(file);
  auto planned = plan(kernel, {0x40000});

  // The steps of the data segment, from the end.
  ASSERT_GE(planned.steps.size(), 4U);
  const auto* step = &planned.steps[planned.steps.size() - 4];
  EXPECT_EQ(step->action, Action::copy);
  EXPECT_EQ(step->memory_offset, data);
  EXPECT_EQ(step->size, kPageSize - 0x10);
  EXPECT_EQ(step->permissions, (Permissions{.read = true, .write = true, .execute = false}));
  EXPECT_EQ(step->relocated_pages, 0U);
  ++step;
  EXPECT_EQ(step->action, Action::map);
  EXPECT_EQ(step->memory_offset, middle);
  EXPECT_EQ(step->size, 4 * kPageSize);
  EXPECT_EQ(step->relocated_pages, 3U);
  ++step;
  EXPECT_EQ(step->action, Action::copy);
  EXPECT_EQ(step->size, 0x30U);
  EXPECT_EQ(step->relocated_pages, 0U);
  ++step;
  EXPECT_EQ(step->action, Action::zero);
  EXPECT_EQ(step->size, 0x30U);
  EXPECT_EQ(step->memory_offset + step->size, kernel.mem_size());

  const auto first_page = middle / kPageSize;
  EXPECT_FALSE(planned.relocated[first_page - 1]);
  EXPECT_TRUE(planned.relocated[first_page]);
  EXPECT_FALSE(planned.relocated[first_page + 1]);
  EXPECT_TRUE(planned.relocated[first_page + 2]);
  EXPECT_TRUE(planned.relocated[first_page + 3]);
}

TEST(LoadPlan, MapsNothingWhereFileAndMemoryDoNotShareTheirPages) {
  auto description = kernel_with_edges();
  const auto file = write(description);
  const auto kernel = parse(file);
  for (const auto& step : plan(kernel, {0x40008}).steps) EXPECT_NE(step.action, Action::map);

  description.layout = testing::FileLayout::packed;
  const auto packed_file = write(description);
  const auto packed = parse(packed_file);
  for (const auto& step : plan(packed, {0x40000}).steps) {
    if (step.memory_offset >= description.segments[0].vaddr) {
      EXPECT_NE(step.action, Action::map);
    }
  }
}

TEST(LoadPlan, PermissionsAreTheSegmentsFlags) {
  EXPECT_EQ(permissions_of({.flags = 0}), Permissions{});
  EXPECT_EQ(permissions_of({.flags = elf::kFlagRead}), Permissions{.read = true});
  EXPECT_EQ(permissions_of({.flags = elf::kFlagWrite}), Permissions{.write = true});
  EXPECT_EQ(permissions_of({.flags = elf::kFlagExecute}), Permissions{.execute = true});
}

TEST(LoadPlan, GapsHaveNoPermissions) {
  const auto description = minimal_kernel(Arch::x86_64, Endian::little, true);
  const auto file = write(description);
  const auto kernel = parse(file);
  const auto planned = plan(kernel, {0x40000});
  const auto gap_at = description.segments[0].vaddr + description.segments[0].memory_size();
  const auto gap = std::ranges::find(planned.steps, gap_at, &LoadStep::memory_offset);
  ASSERT_NE(gap, planned.steps.end());
  EXPECT_EQ(gap->action, Action::zero);
  EXPECT_EQ(gap->permissions, Permissions{});
  EXPECT_EQ(gap->memory_offset + gap->size, description.segments[1].vaddr);
}

TEST(LoadPlan, CountsPagesFromWhereTheImageLies) {
  const auto file = write(kernel_with_edges());
  const auto kernel = parse(file);
  const auto size = kernel.mem_size();
  EXPECT_EQ(LoadPlan::page_count(kernel, {0}, kPageSize), (size + kPageSize - 1) / kPageSize);
  EXPECT_EQ(LoadPlan::page_count(kernel, {0xfff}, kPageSize), (size + 0xfff + kPageSize - 1) / kPageSize);
  EXPECT_EQ(LoadPlan::page_count(kernel, {0}, 0), 0U);
  EXPECT_EQ(LoadPlan::page_count(kernel, {0}, 4095), 0U);
}

TEST(LoadPlan, SaysWhatItCannotPlan) {
  const auto file = write(kernel_with_edges());
  const auto kernel = parse(file);
  bool flags[64] = {};
  const auto make = [&](GuestAddress start, std::uint64_t page_size, std::size_t count) {
    return LoadPlan::make(kernel, start, page_size, std::span{flags}.first(count)).error().code;
  };
  const auto pages = LoadPlan::page_count(kernel, {0}, kPageSize);
  ASSERT_LT(pages, 63U);
  EXPECT_EQ(make({0}, 0, pages), ProblemCode::page_size);
  EXPECT_EQ(make({0}, 4, pages), ProblemCode::page_size);
  EXPECT_EQ(make({0}, 4097, pages), ProblemCode::page_size);
  EXPECT_EQ(make({0}, kPageSize, pages - 1), ProblemCode::page_flags_size);
  EXPECT_EQ(make({0}, kPageSize, pages + 1), ProblemCode::page_flags_size);
  EXPECT_EQ(make({UINT64_MAX - 5}, kPageSize, pages), ProblemCode::address_overflow);

  auto broken = kernel_with_edges();
  broken.relocations = {{.offset = UINT64_MAX - 3, .type = 8}};
  const auto broken_file = write(broken);
  const auto broken_kernel = parse(broken_file);
  const auto broken_pages = LoadPlan::page_count(broken_kernel, {0}, kPageSize);
  const auto result = LoadPlan::make(broken_kernel, {0}, kPageSize, std::span{flags}.first(broken_pages));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ProblemCode::relocation_outside_memory);
}

TEST(LoadPlan, IsAForwardRange) {
  static_assert(std::forward_iterator<LoadPlan::Iterator>);
  const auto file = write(kernel_with_edges());
  const auto kernel = parse(file);
  const auto pages = LoadPlan::page_count(kernel, {0}, kPageSize);
  const auto flags = std::make_unique<bool[]>(pages);
  const auto made = LoadPlan::make(kernel, {0}, kPageSize, {flags.get(), pages});
  ASSERT_TRUE(made);
  auto it = made->begin();
  const auto first = it++;
  EXPECT_NE(first, it);
  EXPECT_EQ(first, made->begin());
  EXPECT_EQ(first->memory_offset, 0U);
  EXPECT_EQ(it->memory_offset, first->size);
}

}  // namespace
}  // namespace hermitage::entry
