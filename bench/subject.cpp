#include "bench/subject.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "hermit_entry_peer.h"
#include "hermitage/entry/load_plan.hpp"
#include "testing/images.hpp"
#include "testing/kernels.hpp"

namespace hermitage::bench {
namespace {

using entry::KernelObject;
using entry::LoadPlan;
using entry::LoadStep;

struct RealImage {
  std::string_view name;
  bool has_peer;  // hermit-entry only accepts kernels for the machine it runs on
};

constexpr RealImage kRealImages[] = {
    {"x86_64-0.6.9-hello_world", true},
    {"x86_64-0.6.9-hello_c", true},
    {"x86_64-0.6.9-rusty_demo", true},
    {"aarch64-0.11.0-hello_world", false},
};

constexpr std::size_t kPageSize = 4096;
constexpr std::uint64_t kLargeSize = std::uint64_t{64} << 20;
constexpr std::uint64_t kManyRelocations = 1'000'000;

// The address at which Uhyve loads relocatable kernels.
constexpr entry::GuestAddress kGuestBase{std::uint64_t{4} << 30};

void copy_segments(const KernelObject& kernel, std::span<std::byte> memory) {
  for (const auto segment : kernel.segments()) {
    if (segment.type != entry::elf::kSegmentLoad) continue;
    std::ranges::copy(kernel.file().segment_bytes(segment).bytes(),
                      memory.subspan(kernel.memory_offset(segment)).begin());
  }
}

auto has_pages_to_map(const KernelObject& kernel, entry::GuestAddress start) -> bool {
  const auto page_count = LoadPlan::page_count(kernel, start, kPageSize);
  const auto page_flags = std::make_unique<bool[]>(page_count);
  const auto plan = LoadPlan::make(kernel, start, kPageSize, {page_flags.get(), page_count});
  if (!plan) return false;
  for (const auto& step : *plan) {
    if (step.action == LoadStep::Action::map) return true;
  }
  return false;
}

auto make_subject(std::string_view name, bool has_peer, std::span<const std::byte> bytes) -> Subject {
  const auto parsed = KernelObject::parse(bytes);
  if (!parsed) throw std::runtime_error{fmt::format("{}: {}", name, parsed.error().message().view())};
  const auto mem_size = parsed->mem_size();
  const auto start = parsed->start_addr().value_or(kGuestBase);

  Mapping source{std::max(bytes.size(), mem_size)};
  std::ranges::fill(source.bytes(), std::byte{1});
  std::ranges::copy(bytes, source.bytes().begin());
  Mapping memory{mem_size};
  std::ranges::fill(memory.bytes(), std::byte{1});
  const auto elf = source.bytes().first(bytes.size());
  return {.name = std::string{name},
          .has_peer = has_peer,
          .source = std::move(source),
          .elf = elf,
          .kernel = *KernelObject::parse(elf),
          .start = start,
          .memory = std::move(memory),
          .file = TemporaryFile{bytes},
          .is_mappable = has_pages_to_map(*parsed, start)};
}

}  // namespace

auto make_subjects() -> std::vector<Subject> {
  std::vector<Subject> subjects;
  for (const auto& [name, has_peer] : kRealImages) {
    if (const auto bytes = testing::read_image(name)) {
      subjects.push_back(make_subject(name, has_peer, *bytes));
    } else {
      fmt::print(stderr, "skipping {}: not in {}\n", name, testing::images_directory().string());
    }
  }
  subjects.push_back(make_subject(kLargeKernelName, true, testing::large_kernel(kLargeSize)));
  subjects.push_back(make_subject("relocations-1M", true, testing::many_relocations_kernel(kManyRelocations)));
  return subjects;
}

auto parse_here(const Subject& subject) noexcept -> bool {
  auto kernel = KernelObject::parse(subject.elf);
  benchmark::DoNotOptimize(kernel);
  return kernel.has_value();
}

auto parse_there(const Subject& subject) noexcept -> bool {
  return hermit_entry_peer_parse_only(subject.elf.data(), subject.elf.size()) == HERMIT_ENTRY_PEER_OK;
}

auto load_here(const Subject& subject, const Mapping& memory, bool zeroed_memory) noexcept -> bool {
  const auto kernel = KernelObject::parse(subject.elf);
  if (!kernel) return false;
  auto loaded = kernel->load(memory.bytes(), subject.start, {.zeroed_memory = zeroed_memory});
  benchmark::DoNotOptimize(loaded);
  return loaded.has_value();
}

auto load_there(const Subject& subject, const Mapping& memory) noexcept -> bool {
  const auto bytes = memory.bytes();
  hermit_entry_peer_loaded loaded;
  const auto status = hermit_entry_peer_load(subject.elf.data(), subject.elf.size(), subject.start.value, bytes.data(),
                                             bytes.size(), &loaded);
  benchmark::DoNotOptimize(loaded);
  return status == HERMIT_ENTRY_PEER_OK;
}

auto load_here_by_mapping(const Subject& subject, const Mapping& memory) -> bool {
  const auto kernel = KernelObject::parse(subject.elf);
  if (!kernel) return false;
  const auto page_count = LoadPlan::page_count(*kernel, subject.start, kPageSize);
  const auto page_flags = std::make_unique<bool[]>(page_count);
  const auto plan = LoadPlan::make(*kernel, subject.start, kPageSize, {page_flags.get(), page_count});
  if (!plan) return false;
  for (const auto& step : *plan) {
    const auto bytes = memory.bytes().subspan(step.memory_offset, step.size);
    switch (step.action) {
      case LoadStep::Action::map:
        if (!subject.file.map_over(bytes, step.file_offset.value)) return false;
        break;
      case LoadStep::Action::copy:
        std::memcpy(bytes.data(), subject.elf.data() + step.file_offset.value, step.size);
        break;
      case LoadStep::Action::zero: break;  // new memory is zero
    }
  }
  auto loaded = kernel->relocate(memory.bytes(), subject.start);
  benchmark::DoNotOptimize(loaded);
  return loaded.has_value();
}

auto copy_as_much(const Subject& subject) noexcept -> bool {
  const auto memory = subject.memory.bytes();
  std::memcpy(memory.data(), subject.source.bytes().data(), memory.size());
  return true;
}

auto store_relocations(const Subject& subject) noexcept -> bool {
  if (!subject.kernel.is_relocatable()) return true;
  const auto table = subject.kernel.relocations().bytes().bytes();
  auto* const memory = subject.memory.bytes().data();
  for (std::size_t at = 0; at < table.size(); at += entry::elf::Rela::kSize) {
    std::uint64_t offset = 0;
    std::uint64_t addend = 0;
    std::memcpy(&offset, table.data() + at + entry::elf::Rela::kOffsetAt, sizeof offset);
    std::memcpy(&addend, table.data() + at + entry::elf::Rela::kAddendAt, sizeof addend);
    const std::uint64_t value = subject.start.value + addend;
    std::memcpy(memory + offset, &value, sizeof value);
  }
  return true;
}

auto run_guest(const Mapping& memory) noexcept -> bool {
  constexpr std::size_t kPagesPerWrite = 10;
  const std::span<volatile std::byte> bytes{memory.bytes()};
  std::uint64_t sum = 0;
  for (std::size_t page = 0; page * kPageSize < bytes.size(); ++page) {
    auto& byte = bytes[page * kPageSize];
    const std::byte value = byte;
    sum += static_cast<std::uint64_t>(value);
    if (page % kPagesPerWrite == 0) byte = value;
  }
  benchmark::DoNotOptimize(sum);
  return true;
}

void check(const Subject& subject) {
  const auto require = [&](bool holds, std::string_view what) {
    if (!holds) throw std::runtime_error{fmt::format("{}: {}", subject.name, what)};
  };
  const Mapping expected{subject.kernel.mem_size()};
  require(load_here(subject, expected, true), "cannot be loaded into fresh memory");
  const auto require_same = [&](const Mapping& memory, std::string_view what) {
    require(std::memcmp(memory.bytes().data(), expected.bytes().data(), expected.bytes().size()) == 0, what);
  };

  std::ranges::fill(subject.memory.bytes(), std::byte{0xa5});
  require(parse_here(subject) && load_here(subject, subject.memory, false), "cannot be loaded");
  require_same(subject.memory, "loaded differently into used memory");
  if (subject.has_peer) {
    std::ranges::fill(subject.memory.bytes(), std::byte{});  // hermit-entry does not write gaps
    require(parse_there(subject) && load_there(subject, subject.memory), "cannot be loaded by hermit-entry");
    require_same(subject.memory, "loaded differently by hermit-entry");
  }
  std::ranges::fill(subject.memory.bytes(), std::byte{});
  copy_segments(subject.kernel, subject.memory.bytes());
  store_relocations(subject);
  require_same(subject.memory, "has relocations that are more than a store");
  if (subject.is_mappable) {
    const Mapping memory{subject.kernel.mem_size()};
    require(load_here_by_mapping(subject, memory), "cannot be mapped");
    require_same(memory, "loaded differently by mapping");
  }
}

}  // namespace hermitage::bench
