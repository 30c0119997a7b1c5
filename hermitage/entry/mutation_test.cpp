// Malicious files: every kernel truncated to every length, and with each relevant bit inverted. The result must be a
// value or an error. AddressSanitizer and UndefinedBehaviorSanitizer check this in the debug build. Guards around the
// memory check it in every build.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/entry/boot_protocol.hpp"
#include "hermitage/entry/load_plan.hpp"
#include "testing/elf_writer.hpp"
#include "testing/images.hpp"
#include "testing/kernels.hpp"

namespace hermitage::entry {
namespace {

constexpr std::uint64_t kMaxMemory = 4 << 20;
constexpr std::uint64_t kStart = 0x40000;

// Memory with guards before and after it, which no load may change. The tests reuse it.
class GuardedMemory {
 public:
  auto of_size(std::size_t size) -> std::span<std::byte> {
    bytes_.resize(std::max(bytes_.size(), size + 2 * kGuardSize));
    size_ = size;
    std::ranges::fill(guard(0), kGuard);
    std::ranges::fill(guard(kGuardSize + size), kGuard);
    return std::span{bytes_}.subspan(kGuardSize, size);
  }

  auto is_intact() -> bool {
    const auto is_guard = [](std::byte byte) { return byte == kGuard; };
    return std::ranges::all_of(guard(0), is_guard) && std::ranges::all_of(guard(kGuardSize + size_), is_guard);
  }

 private:
  static constexpr std::size_t kGuardSize = 64;
  static constexpr std::byte kGuard{0x5c};

  auto guard(std::size_t offset) -> std::span<std::byte> { return std::span{bytes_}.subspan(offset, kGuardSize); }

  std::vector<std::byte> bytes_;
  std::size_t size_ = 0;
};

// A sum over all bytes of the views, so that the test reads all of them.
auto read_everything(const ElfFile& file) -> std::uint64_t {
  std::uint64_t sum = 0;
  const auto add_text = [&](std::string_view text) {
    for (const char c : text) sum += static_cast<unsigned char>(c);
  };
  for (const auto segment : file.segments()) sum += segment.vaddr + file.segment_bytes(segment).size();
  for (const auto section : file.sections()) add_text(file.section_name(section));
  for (const auto entry : file.dynamic()) sum += entry.tag + entry.value;
  for (const auto rela : file.relocations()) sum += rela.offset;
  for (const auto word : file.relr()) sum += word.value;
  for (const auto& table : {file.dynamic_symbols(), file.symbols()}) {
    for (const auto symbol : table.symbols()) add_text(table.name(symbol));
  }
  file.for_each_note([&](const Note& note, std::uint64_t offset) {
    add_text(note.name);
    for (const auto byte : note.desc.bytes()) sum += std::to_integer<unsigned>(byte);
    sum += offset;
  });
  for (const auto protocol : kBootProtocols) sum += supports(file, protocol) ? 1U : 0U;
  return sum;
}

class Exerciser {
 public:
  // Calls all functions for a file.
  void exercise(std::span<const std::byte> bytes) {
    if (const auto file = ElfFile::open(bytes)) {
      sum_ += read_everything(*file);
      auto count = [this](const Problem& problem) {
        sum_ += problem.message().view().size();
        return ++problems_ % 8 != 0;
      };
      const auto facts = examine(*file, count);
      examine_oddities(*file, facts, count);
      examine_relocations(*file, facts, count);
    }
    load(bytes);
  }

  // Only parses, loads and plans.
  void load(std::span<const std::byte> bytes) {
    const auto kernel = KernelObject::parse(bytes);
    if (!kernel || kernel->mem_size() > kMaxMemory) return;
    const auto start = kernel->start_addr().value_or(GuestAddress{kStart});
    const auto loaded = kernel->load(memory_.of_size(kernel->mem_size()), start);
    sum_ += loaded ? loaded->entry_point.value : loaded.error().found;
    if (!memory_.is_intact()) throw std::runtime_error{"wrote outside of the memory"};

    const auto pages = LoadPlan::page_count(*kernel, start, 4096);
    const auto flags = std::make_unique<bool[]>(pages);
    const auto plan = LoadPlan::make(*kernel, start, 4096, {flags.get(), pages});
    if (!plan) return;
    std::uint64_t covered = 0;
    for (const auto& step : *plan) covered += step.size;
    if (covered != kernel->mem_size()) throw std::runtime_error{"the plan does not cover the image"};
  }

  [[nodiscard]] auto sum() const -> std::uint64_t { return sum_; }

 private:
  GuardedMemory memory_;
  std::uint64_t sum_ = 0;
  std::uint64_t problems_ = 0;
};

struct ByteRange {
  std::size_t begin;
  std::size_t end;
};

auto segment_range(const std::vector<std::byte>& bytes, std::uint32_t type) -> ByteRange {
  const auto file = ElfFile::open(bytes);
  const auto segment = file->find_segment(type);
  if (!segment) return {.begin = 0, .end = 0};
  return {.begin = segment->offset, .end = segment->offset + segment->filesz};
}

auto headers_end(const std::vector<std::byte>& bytes) -> std::size_t {
  const auto file = ElfFile::open(bytes);
  return file ? file->header().phoff + file->segments().bytes().size() : 0;
}

// Calls action once for each bit of the range, with that bit inverted.
template <class Action>
void flip_every_bit(std::vector<std::byte>& bytes, ByteRange range, Action action) {
  for (auto at = range.begin; at < range.end; ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      const auto mask = std::byte{1} << bit;
      bytes[at] ^= mask;
      action(bytes);
      bytes[at] ^= mask;
    }
  }
}

class Mutations : public ::testing::TestWithParam<testing::NamedKernel> {};

TEST_P(Mutations, OfSamplesEndInAValueOrAnError) {
  auto bytes = GetParam().bytes;
  Exerciser exerciser;
  const auto last = std::min(bytes.size(), headers_end(bytes) + 4096);
  for (std::size_t length = 0; length <= last; ++length) {
    // A separate buffer, so that AddressSanitizer detects a read after its end.
    const std::vector<std::byte> truncated{bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length)};
    exerciser.exercise(truncated);
  }
  if (!ElfFile::open(bytes)) return;
  const auto exercise = [&](const auto& mutant) { exerciser.exercise(mutant); };
  flip_every_bit(bytes, {.begin = 0, .end = std::min(headers_end(bytes), bytes.size())}, exercise);
  for (const auto type : {elf::kSegmentNote, elf::kSegmentDynamic}) {
    const auto range = segment_range(bytes, type);
    if (range.end <= bytes.size()) flip_every_bit(bytes, range, exercise);
  }
  SUCCEED() << exerciser.sum();
}

// The samples that can be loaded: mutants of the others fail in the same way as the originals.
auto right_samples() -> std::vector<testing::NamedKernel> {
  auto samples = testing::sample_kernels();
  // Large samples take long, and cover nothing that small ones do not.
  std::erase_if(samples, [](const auto& sample) { return !sample.loadable || sample.bytes.size() > (64U << 10); });
  return samples;
}

INSTANTIATE_TEST_SUITE_P(All, Mutations, ::testing::ValuesIn(right_samples()), [](const auto& param) {
  auto name = param.param.name;
  std::ranges::replace(name, '-', '_');
  return name;
});

TEST(Mutations, OfAThousandRelocationsEndInAValueOrAnError) {
  for (const auto endian : {Endian::little, Endian::big}) {
    auto description = testing::minimal_kernel(Arch::aarch64, endian, true);
    const auto types = testing::relocation_types(Arch::aarch64);
    description.relocations.clear();
    description.dynamic_symbols = {{.name = "there", .value = 0x1010}};
    // Make space for the table before the first segment.
    constexpr std::uint64_t kRoom = 0x10000;
    description.entry_point += kRoom;
    for (auto& segment : description.segments) segment.vaddr += kRoom;
    auto& data = description.segments[1];
    data.bytes.assign(8000, std::byte{0});
    data.memsz = data.bytes.size() + 64;
    description.tls.reset();
    for (std::uint64_t i = 0; i < 1000; ++i) {
      const bool has_symbol = i % 16 == 5;
      description.relocations.push_back({.offset = data.vaddr + 8 * i,
                                         .type = has_symbol ? types.absolute64 : types.relative,
                                         .symbol = has_symbol ? 1U : 0U,
                                         .addend = i});
    }
    auto bytes = write(description);
    const auto kernel = KernelObject::parse(bytes);
    ASSERT_TRUE(kernel);
    const auto table = kernel->relocations().bytes().bytes();
    ASSERT_EQ(table.size(), 24000U);
    const auto begin = static_cast<std::size_t>(table.data() - bytes.data());

    GuardedMemory memory;
    std::size_t applied = 0;
    std::size_t refused = 0;
    flip_every_bit(bytes, {.begin = begin, .end = begin + table.size()}, [&](const auto&) {
      const auto result = kernel->load(memory.of_size(kernel->mem_size()), {kStart});
      ++(result ? applied : refused);
      ASSERT_TRUE(memory.is_intact());
    });
    // Every addend is valid, but only few types and offsets are.
    EXPECT_GT(applied, 64000U);
    EXPECT_GT(refused, 60000U);
  }
}

TEST(Mutations, OfRealImagesEndInAValueOrAnError) {
  bool is_skipped = true;
  for (const auto* name : {"x86_64-0.6.9-hello_world", "x86_64-0.6.9-hello_c", "aarch64-0.11.0-hello_world"}) {
    auto image = testing::read_image(name);
    if (!image) continue;
    is_skipped = false;
    auto& bytes = *image;
    Exerciser exerciser;
    for (std::size_t length = 0; length <= headers_end(bytes) + 4096; ++length) {
      const std::vector<std::byte> truncated{bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length)};
      exerciser.exercise(truncated);
    }
    const auto load = [&](const auto& mutant) { exerciser.load(mutant); };
    flip_every_bit(bytes, {.begin = 0, .end = headers_end(bytes)}, load);
    flip_every_bit(bytes, segment_range(bytes, elf::kSegmentNote), load);
    flip_every_bit(bytes, segment_range(bytes, elf::kSegmentDynamic), load);
  }
  if (is_skipped) GTEST_SKIP() << "no real images in " << testing::images_directory() << "; see CONTRIBUTING.md";
}

}  // namespace
}  // namespace hermitage::entry
