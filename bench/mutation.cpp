#include "bench/mutation.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "hermitage/entry/bytes.hpp"
#include "hermitage/entry/elf_file.hpp"

namespace hermitage::bench {
namespace {

namespace elf = entry::elf;

// Numbers at typical limits, in addition to those from the file.
constexpr auto kInterestingNumbers = std::to_array<std::uint64_t>(
    {0, 1, 2, 3, 4, 7, 8, 0x1000, 0x7fff, 0xffff, 0x7fff'ffff, 0xffff'ffff, UINT64_MAX - 7, UINT64_MAX});

constexpr auto kSmallSteps = std::to_array<std::uint64_t>({1, 2, 4, 8, 24, 0x1000});

// The parts of the file that parsing reads, as far as they are in the file. None is empty.
auto regions_of(const entry::ElfFile& file) -> std::vector<entry::ByteView> {
  const auto& header = file.header();
  std::vector regions{
      file.bytes().clamped_slice(0, elf::FileHeader::kSize),
      file.bytes().clamped_slice(header.phoff, header.phnum * elf::Segment::kSize),
      file.bytes().clamped_slice(header.shoff, header.shnum * elf::Section::kSize),
      file.relocations().bytes(),
      file.dynamic_symbols().symbols().bytes(),
  };
  for (const auto segment : file.segments()) {
    if (segment.type == elf::kSegmentNote || segment.type == elf::kSegmentDynamic) {
      regions.push_back(file.segment_bytes(segment));
    }
  }
  std::erase_if(regions, [](const entry::ByteView& region) { return region.size() < sizeof(std::uint64_t); });
  return regions;
}

template <class Numbers>
auto pick(const Numbers& numbers, Random& random) -> std::uint64_t {
  return numbers[random() % numbers.size()];
}

auto changed(std::uint64_t value, Random& random) -> std::uint64_t {
  switch (random() % 5) {
    case 0: return value ^ std::uint64_t{1} << random() % 64;
    case 1: return random();
    case 2: return value + pick(kSmallSteps, random);
    case 3: return value - pick(kSmallSteps, random);
    default: return pick(kInterestingNumbers, random);
  }
}

template <class Integer>
void change(std::span<std::byte> bytes, std::size_t offset, Random& random) {
  const auto value = entry::read<Integer, entry::Endian::little>(bytes, offset);
  entry::write<Integer, entry::Endian::little>(bytes, offset, static_cast<Integer>(changed(value, random)));
}

}  // namespace

auto mutate(std::span<const std::byte> elf, Random& random) -> std::vector<std::byte> {
  const auto regions = regions_of(*entry::ElfFile::open(elf));
  std::vector mutated(elf.begin(), elf.end());
  for (auto count = 1 + random() % 2; count > 0; --count) {
    const auto region = regions[random() % regions.size()].bytes();
    const auto begin = static_cast<std::size_t>(region.data() - elf.data());
    const auto offset = begin + random() % (region.size() / sizeof(std::uint64_t)) * sizeof(std::uint64_t);
    switch (random() % 4) {
      case 0: change<std::uint8_t>(mutated, offset + random() % 8, random); break;
      case 1: change<std::uint16_t>(mutated, offset + random() % 4 * 2, random); break;
      case 2: change<std::uint32_t>(mutated, offset + random() % 2 * 4, random); break;
      default: change<std::uint64_t>(mutated, offset, random); break;
    }
  }
  return mutated;
}

}  // namespace hermitage::bench
