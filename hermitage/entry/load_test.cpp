#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/entry/kernel_object.hpp"
#include "testing/elf_writer.hpp"
#include "testing/kernels.hpp"

namespace hermitage::entry {
namespace {

using testing::Elf;
using testing::minimal_kernel;

constexpr std::byte kPattern{0xa5};

auto parse(const std::vector<std::byte>& bytes) -> KernelObject {
  const auto kernel = KernelObject::parse(bytes);
  if (!kernel) throw std::runtime_error{std::string{kernel.error().message().view()}};
  return *kernel;
}

// The expected memory, computed from the description in a simple way. Supports RELATIVE relocations only.
auto expected_memory(const Elf& description, const std::vector<std::byte>& file, std::uint64_t start)
    -> std::vector<std::byte> {
  const auto kernel = parse(file);
  std::vector<std::byte> memory(kernel.mem_size());
  const auto header_size = testing::header_segment_size(description);
  std::copy_n(file.begin(), header_size, memory.begin());
  for (const auto& segment : description.segments) {
    std::ranges::copy(segment.bytes, memory.begin() + static_cast<std::ptrdiff_t>(segment.vaddr - description.base));
  }
  if (description.type != elf::kTypeDynamic) return memory;
  for (const auto& rela : description.relocations) {
    for (std::size_t i = 0; i < 8; ++i) {
      const auto shift = 8 * (description.endian == Endian::little ? i : 7 - i);
      memory[rela.offset + i] = static_cast<std::byte>((start + rela.addend) >> shift);
    }
  }
  return memory;
}

TEST(Load, PutsEveryByteWhereItBelongs) {
  for (const auto& target : testing::kTargets) {
    for (const bool is_relocatable : {true, false}) {
      const auto description = minimal_kernel(target.arch, target.endian, is_relocatable);
      const auto file = write(description);
      const auto kernel = parse(file);
      for (const std::uint64_t wanted : {0x0ULL, 0x40000ULL, 0x123456789000ULL, 0xffff800000000000ULL}) {
        const auto start = kernel.start_addr().value_or(GuestAddress{wanted});
        // Memory that is not zero: load() must zero the gaps and the ends of segments.
        std::vector<std::byte> memory(kernel.mem_size(), kPattern);
        const auto loaded = kernel.load(memory, start);
        ASSERT_TRUE(loaded) << loaded.error().message().view();
        EXPECT_EQ(memory, expected_memory(description, file, start.value)) << target.name << is_relocatable;
        EXPECT_EQ(loaded->image.start, start);
        EXPECT_EQ(loaded->image.end, start + kernel.mem_size());
        EXPECT_EQ(loaded->entry_point, kernel.entry_point(start));
        EXPECT_EQ(loaded->tls, kernel.tls_info(start));
      }
    }
  }
}

TEST(Load, LeavesZeroedMemoryAloneWhereNothingIsWritten) {
  for (const auto& sample : testing::sample_kernels()) {
    if (!sample.loadable) continue;
    const auto kernel = parse(sample.bytes);
    const auto start = kernel.start_addr().value_or(GuestAddress{0x200000});
    std::vector<std::byte> zeroed(kernel.mem_size());
    std::vector<std::byte> dirty(kernel.mem_size(), kPattern);
    ASSERT_TRUE(kernel.load(zeroed, start, {.zeroed_memory = true})) << sample.name;
    ASSERT_TRUE(kernel.load(dirty, start)) << sample.name;
    EXPECT_EQ(zeroed, dirty) << sample.name;
  }
}

TEST(Load, SaysWhatDoesNotFit) {
  const auto file = write(minimal_kernel(Arch::x86_64, Endian::little, true));
  const auto kernel = parse(file);
  std::vector<std::byte> memory(kernel.mem_size() + 1);
  const auto too_large = kernel.load(memory, {0x40000});
  ASSERT_FALSE(too_large);
  EXPECT_EQ(too_large.error().code, ProblemCode::memory_size);
  EXPECT_EQ(too_large.error().expected, kernel.mem_size());
  EXPECT_EQ(too_large.error().found, kernel.mem_size() + 1);
  memory.resize(kernel.mem_size() - 1);
  EXPECT_EQ(kernel.load(memory, {0x40000}).error().code, ProblemCode::memory_size);
  EXPECT_EQ(kernel.load({}, {0x40000}).error().code, ProblemCode::memory_size);

  memory.resize(kernel.mem_size());
  EXPECT_EQ(kernel.load(memory, {UINT64_MAX - kernel.mem_size() + 1}).error().code, ProblemCode::address_overflow);
  EXPECT_TRUE(kernel.load(memory, {UINT64_MAX - kernel.mem_size()}));

  const auto fixed_file = write(minimal_kernel(Arch::x86_64, Endian::little, false));
  const auto fixed = parse(fixed_file);
  memory.resize(fixed.mem_size());
  const auto elsewhere = fixed.load(memory, *fixed.start_addr() + 0x1000);
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().code, ProblemCode::start_address);
  EXPECT_EQ(elsewhere.error().expected, fixed.start_addr()->value);
}

// A relocatable kernel with room for one relocation of any kind at kPlace.
constexpr std::uint64_t kStart = 0x40000;

auto kernel_for_symbols(Arch arch, Endian endian) -> Elf {
  auto description = minimal_kernel(arch, endian, true);
  description.relocations.clear();
  description.dynamic_symbols = {
      {.name = "absent", .info = testing::symbol_info(elf::kBindWeak, 0), .section = elf::kSectionUndefined},
      {.name = "strong", .section = elf::kSectionUndefined},
      {.name = "weak_but_there", .info = testing::symbol_info(elf::kBindWeak, 2), .value = 0x1008},
      {.name = "there", .value = 0x1010}};
  return description;
}

auto load_one(Elf description, const elf::Rela& rela) -> std::expected<std::uint64_t, ProblemCode> {
  description.relocations = {rela};
  const auto file = write(description);
  const auto kernel = parse(file);
  std::vector<std::byte> memory(kernel.mem_size(), kPattern);
  const auto loaded = kernel.load(memory, {kStart});
  if (!loaded) return std::unexpected{loaded.error().code};
  return read<std::uint64_t>(memory, rela.offset, description.endian);
}

TEST(Load, AppliesEachKindOfRelocation) {
  for (const auto& target : testing::kTargets) {
    const auto types = testing::relocation_types(target.arch);
    const auto description = kernel_for_symbols(target.arch, target.endian);
    const auto place = description.segments[1].vaddr + 3;  // may be unaligned
    const auto load = [&](std::uint32_t type, std::uint32_t symbol, std::uint64_t addend) {
      return load_one(description, {.offset = place, .type = type, .symbol = symbol, .addend = addend});
    };
    const auto minus_16 = static_cast<std::uint64_t>(-16);
    EXPECT_EQ(load(types.relative, 0, 0x1234), kStart + 0x1234);
    EXPECT_EQ(load(types.relative, 0, minus_16), kStart - 16);
    EXPECT_EQ(load(types.absolute64, 4, 8), kStart + 0x1018);
    EXPECT_EQ(load(types.absolute64, 3, minus_16), kStart + 0x1008 - 16);
    EXPECT_EQ(load(types.absolute64, 1, 8), 0U) << "weak and undefined";
    EXPECT_EQ(load(types.absolute64, 2, 8), kStart + 8) << "undefined, but not weak";
    EXPECT_EQ(load(types.absolute64, 0, 8), kStart + 8) << "the symbol that is none";
    if (!types.glob_dat) continue;
    EXPECT_EQ(load(*types.glob_dat, 4, 0), kStart + 0x1010);
    EXPECT_EQ(load(*types.glob_dat, 1, 0), 0U);
  }
}

TEST(Load, AddsTheAddendOfGlobDatWhereTheArchitectureHasOne) {
  const auto load = [](Arch arch, std::uint32_t type) {
    const auto description = kernel_for_symbols(arch, Endian::little);
    return load_one(description, {.offset = description.segments[1].vaddr, .type = type, .symbol = 4, .addend = 8});
  };
  EXPECT_EQ(load(Arch::aarch64, 1025), kStart + 0x1018);
  EXPECT_EQ(load(Arch::x86_64, 6), std::unexpected{ProblemCode::relocation_addend});
  EXPECT_EQ(load(Arch::riscv64, 6), std::unexpected{ProblemCode::unsupported_relocation});
}

TEST(Load, RefusesRelocationsThatWriteOutsideOfTheMemory) {
  const auto description = kernel_for_symbols(Arch::x86_64, Endian::little);
  const auto end = description.segments.back().vaddr + description.segments.back().memory_size();
  const auto load = [&](std::uint64_t offset, std::uint32_t type) {
    return load_one(description, {.offset = offset, .type = type, .symbol = 0, .addend = 0});
  };
  for (const std::uint32_t type : {8U, 1U, 6U}) {
    EXPECT_TRUE(load(end - 8, type));
    for (const std::uint64_t offset : {end - 7, end, end + 1, std::uint64_t{1} << 63, UINT64_MAX - 7, UINT64_MAX}) {
      EXPECT_EQ(load(offset, type), std::unexpected{ProblemCode::relocation_outside_memory}) << offset;
    }
  }
}

TEST(Load, RefusesSymbolsThatThereAreNot) {
  const auto description = kernel_for_symbols(Arch::x86_64, Endian::little);
  const elf::Rela rela{.offset = description.segments[1].vaddr, .type = 1, .symbol = 5, .addend = 0};
  EXPECT_EQ(load_one(description, rela), std::unexpected{ProblemCode::relocation_symbol});
}

// A relative relocation that refers to a symbol has the same result, but load() must also check its offset.
TEST(Load, AppliesRelativeRelocationsThatNameASymbol) {
  const auto description = kernel_for_symbols(Arch::x86_64, Endian::little);
  const elf::Rela rela{.offset = description.segments[1].vaddr, .type = 8, .symbol = 77, .addend = 16};
  EXPECT_EQ(load_one(description, rela), kStart + 16);
}

TEST(Load, AppliesRunsThatAreBrokenByOtherKinds) {
  auto description = kernel_for_symbols(Arch::x86_64, Endian::little);
  const auto data = description.segments[1].vaddr;
  description.relocations = {{.offset = data, .type = 8, .addend = 1},
                             {.offset = data + 8, .type = 1, .symbol = 4, .addend = 2},
                             {.offset = data + 16, .type = 6, .symbol = 3},
                             {.offset = data + 24, .type = 8, .addend = 3},
                             {.offset = data + 32, .type = 8, .addend = 4}};
  const auto file = write(description);
  const auto kernel = parse(file);
  std::vector<std::byte> memory(kernel.mem_size());
  ASSERT_TRUE(kernel.load(memory, {kStart}));
  const auto word = [&](std::size_t index) { return read<std::uint64_t>(memory, data + 8 * index, Endian::little); };
  EXPECT_EQ(word(0), kStart + 1);
  EXPECT_EQ(word(1), kStart + 0x1010 + 2);
  EXPECT_EQ(word(2), kStart + 0x1008);
  EXPECT_EQ(word(3), kStart + 3);
  EXPECT_EQ(word(4), kStart + 4);
}

TEST(Load, AppliesRelrToWhatIsThere) {
  for (const auto& target : testing::kTargets) {
    auto description = minimal_kernel(target.arch, target.endian, true);
    description.relocations.clear();
    auto& data = description.segments[1];
    // More offsets than one bitmap can express, with gaps.
    std::vector<std::uint64_t> places;
    data.bytes.assign(256 * 8, std::byte{0});
    data.memsz = data.bytes.size();
    description.tls.reset();
    for (std::size_t i = 0; i < 256; ++i) {
      write<std::uint64_t>(data.bytes, i * 8, i * 3, target.endian);
      if (i % 5 != 3) places.push_back(data.vaddr + i * 8);
    }
    description.relr = testing::encode_relr(places);
    ASSERT_LT(description.relr.size(), 10U);
    const auto file = write(description);
    const auto kernel = parse(file);
    std::vector<std::byte> memory(kernel.mem_size(), kPattern);
    ASSERT_TRUE(kernel.load(memory, {kStart}));
    for (std::size_t i = 0; i < 256; ++i) {
      const auto value = read<std::uint64_t>(memory, data.vaddr + i * 8, target.endian);
      EXPECT_EQ(value, i * 3 + (i % 5 != 3 ? kStart : 0)) << target.name << " " << i;
    }
  }
}

TEST(Load, RefusesRelrOutsideOfTheMemory) {
  auto description = minimal_kernel(Arch::x86_64, Endian::little, true);
  description.relocations.clear();
  const auto end = description.segments[1].vaddr + description.segments[1].memory_size();
  const auto load = [&](std::vector<std::uint64_t> words) -> std::optional<ProblemCode> {
    description.relr = std::move(words);
    const auto file = write(description);
    const auto kernel = parse(file);
    std::vector<std::byte> memory(kernel.mem_size());
    const auto loaded = kernel.load(memory, {kStart});
    return loaded ? std::nullopt : std::optional{loaded.error().code};
  };
  EXPECT_EQ(load({end - 8}), std::nullopt);
  EXPECT_EQ(load({UINT64_MAX - 1}), ProblemCode::relocation_outside_memory);
  // The address is inside the memory, but an offset of the bitmap is outside.
  EXPECT_EQ(load({end - 8, UINT64_MAX}), ProblemCode::relocation_outside_memory);
  EXPECT_EQ(load({3}), ProblemCode::malformed_relr);
}

TEST(Load, LeavesFixedKernelsAsTheyAreLinked) {
  auto description = minimal_kernel(Arch::x86_64, Endian::little, false);
  description.relocations = {{.offset = description.segments[1].vaddr, .type = 8, .symbol = 0, .addend = 99}};
  const auto file = write(description);
  const auto kernel = parse(file);
  std::vector<std::byte> memory(kernel.mem_size());
  ASSERT_TRUE(kernel.load(memory, *kernel.start_addr()));
  EXPECT_EQ(memory, expected_memory(description, file, 0));
}

TEST(Relocate, FinishesWhatOtherMeansHavePlaced) {
  const auto description = minimal_kernel(Arch::aarch64, Endian::little, true);
  const auto file = write(description);
  const auto kernel = parse(file);
  std::vector<std::byte> by_load(kernel.mem_size());
  ASSERT_TRUE(kernel.load(by_load, {kStart}));

  std::vector<std::byte> by_hand(kernel.mem_size());
  for (const auto segment : kernel.segments()) {
    if (segment.type != elf::kSegmentLoad) continue;
    const auto bytes = kernel.file().segment_bytes(segment).bytes();
    std::ranges::copy(bytes, by_hand.begin() + static_cast<std::ptrdiff_t>(kernel.memory_offset(segment)));
  }
  const auto loaded = kernel.relocate(by_hand, {kStart});
  ASSERT_TRUE(loaded);
  EXPECT_EQ(by_hand, by_load);
  EXPECT_EQ(loaded->entry_point, kernel.entry_point({kStart}));
}

}  // namespace
}  // namespace hermitage::entry
