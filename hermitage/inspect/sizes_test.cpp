#include "hermitage/inspect/sizes.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/entry/elf_file.hpp"
#include "testing/allocations.hpp"
#include "testing/images.hpp"
#include "testing/kernels.hpp"
#include "testing/line_tables.hpp"

namespace hermitage::inspect {
namespace {

using entry::Endian;
using testing::Elf;
using testing::kBindGlobal;
using testing::kBindLocal;
using testing::kTypeFunction;
using testing::kTypeNone;
using testing::kTypeObject;
using testing::symbol_info;
using testing::SymbolDescription;
namespace elf = entry::elf;

constexpr std::uint8_t kTypeFile = 4;
constexpr std::uint8_t kTypeTls = 6;

constexpr std::uint64_t kCodeAt = 0x10000;
constexpr std::uint64_t kDataAt = 0x20000;

constexpr std::uint32_t kCode = elf::kFlagRead | elf::kFlagExecute;
constexpr std::uint32_t kData = elf::kFlagRead | elf::kFlagWrite;

auto function(std::string name, std::uint64_t value, std::uint64_t size) -> SymbolDescription {
  return {.name = std::move(name), .info = symbol_info(kBindLocal, kTypeFunction), .value = value, .size = size};
}

auto object(std::string name, std::uint64_t value, std::uint64_t size) -> SymbolDescription {
  return {.name = std::move(name), .info = symbol_info(kBindLocal, kTypeObject), .value = value, .size = size};
}

auto file_symbol(std::string name) -> SymbolDescription {
  return {.name = std::move(name), .info = symbol_info(kBindLocal, kTypeFile)};
}

// 0x100 bytes of code, 0x40 of data, and 0xc0 of zeros. The headers are not loaded.
auto kernel(std::vector<SymbolDescription> symbols) -> Elf {
  return {.has_header_segment = false,
          .segments = {{.vaddr = kCodeAt, .flags = kCode, .bytes = std::vector<std::byte>(0x100)},
                       {.vaddr = kDataAt, .flags = kData, .bytes = std::vector<std::byte>(0x40), .memsz = 0x100}},
          .symbols = std::move(symbols)};
}

auto sizes_of(const Elf& elf, SizesBy by = SizesBy::function) -> Sizes {
  return make_sizes("kernel", write(elf), by);
}

// "name: file+zero (symbols)" for each row.
auto rows_of(const Sizes& sizes) -> std::vector<std::string> {
  std::vector<std::string> texts;
  for (const auto& row : sizes.rows) {
    texts.push_back(row.name + ": " + std::to_string(row.bytes.file) + "+" + std::to_string(row.bytes.zero) + " (" +
                    std::to_string(row.symbols) + ")");
  }
  return texts;
}

using Texts = std::vector<std::string>;
using Parts = std::vector<SizePart>;

TEST(Sizes, CountsBytesByFunction) {
  const auto sizes = sizes_of(
      kernel({function("_ZN1a1f17h0123456789abcdefE", kCodeAt, 0x20),
              function("_ZN1a1f17hfedcba9876543210E", kCodeAt + 0x40, 0x10), function("main", kCodeAt + 0x80, 0x28),
              object("data", kDataAt, 0x8), object("zeros", kDataAt + 0x80, 0x10), object("both", kDataAt + 0x3f, 4)}));
  EXPECT_EQ(sizes.file, "kernel");
  EXPECT_EQ(sizes.by, SizesBy::function);
  EXPECT_EQ(sizes.image, (ByteCount{.file = 0x140, .zero = 0xc0}));
  EXPECT_EQ(rows_of(sizes),
            (Texts{"a::f: 48+0 (2)", "main: 40+0 (1)", "data: 8+0 (1)", "both: 1+3 (1)", "zeros: 0+16 (1)"}));
  EXPECT_EQ(sizes.unexplained, (ByteCount{.file = 0x140 - 97, .zero = 0xc0 - 19}));
  EXPECT_EQ(sizes.unexplained_sections, (Parts{{.name = ".text", .bytes = {.file = 0x100 - 88}},
                                               {.name = ".data", .bytes = {.file = 0x40 - 9}},
                                               {.name = ".bss", .bytes = {.zero = 0xc0 - 19}}}));
  EXPECT_EQ(sizes.left_out, 0U);
}

TEST(Sizes, CountsBytesByCrate) {
  const auto sizes = sizes_of(
      kernel({file_symbol("hermit.63f06f25274a61db-cgu.09"), object("anon.1", kDataAt, 0x8), file_symbol("tcp_in.c"),
              function("tcp_input", kCodeAt + 0x60, 8), function("_ZN1a1f17h0123456789abcdefE", kCodeAt, 0x20),
              function("_ZN39_$LT$u8$u20$as$u20$core..fmt..Debug$GT$3fmt17hfedcba9876543210E", kCodeAt + 0x40, 0x10)}),
      SizesBy::crate);
  EXPECT_EQ(rows_of(sizes), (Texts{"a: 32+0 (1)", "core: 16+0 (1)", "[C]: 8+0 (1)", "hermit: 8+0 (1)"}));
  EXPECT_EQ(sizes.rows[0].parts, (Parts{{.name = "a::f", .bytes = {.file = 0x20}}}));
  EXPECT_EQ(sizes.rows[3].parts, (Parts{{.name = "[unnamed constants]", .bytes = {.file = 8}}}));
}

TEST(Sizes, CountsBytesBySegment) {
  const auto sizes = sizes_of(kernel({function("main", kCodeAt, 0x20)}), SizesBy::segment);
  EXPECT_EQ(rows_of(sizes), (Texts{"segment 0 r-x: 256+0 (1)", "segment 1 rw-: 64+192 (0)"}));
  EXPECT_EQ(sizes.rows[0].parts,
            (Parts{{.name = "[no symbol]", .bytes = {.file = 0xe0}}, {.name = "main", .bytes = {.file = 0x20}}}));
  EXPECT_EQ(sizes.unexplained, ByteCount{});
  EXPECT_TRUE(sizes.unexplained_sections.empty());
}

TEST(Sizes, CountsBytesByFile) {
  auto global = function("exported", kCodeAt + 0x80, 0x10);
  global.info = symbol_info(kBindGlobal, kTypeFunction);
  auto elf = kernel({file_symbol("a.c"), function("f", kCodeAt, 0x20), object("data", kDataAt, 8), file_symbol("b.c"),
                     function("g", kCodeAt + 0x20, 0x20), global});
  EXPECT_EQ(rows_of(sizes_of(elf, SizesBy::file)),
            (Texts{"a.c: 40+0 (2)", "b.c: 32+0 (1)", "[no file] [C]: 16+0 (1)"}));

  // With line tables, code belongs to the file of its lines. Data have no lines.
  elf.extra_sections = {{.name = ".debug_line",
                         .bytes = testing::write_line_table(
                             {.directories = {"src"},
                              .files = {{"a.c", 1}, {"inlined.h", 1}},
                              .sequences = {{{kCodeAt, 1}, {kCodeAt + 0x8, 2}, {kCodeAt + 0x18, 1}, {kCodeAt + 0x20}},
                                            {{kDataAt, 1}, {kDataAt + 0x40}}}})}};
  EXPECT_EQ(rows_of(sizes_of(elf, SizesBy::file)),
            (Texts{"b.c: 32+0 (1)", "[no file] [C]: 16+0 (1)", "src/a.c: 16+0 (0)", "src/inlined.h: 16+0 (0)",
                   "a.c: 8+0 (1)"}));
}

TEST(Sizes, CountsAliasesAndOverlapsOnce) {
  auto untyped = function("untyped", kCodeAt + 0x80, 0x80);
  untyped.info = symbol_info(kBindLocal, kTypeNone);
  const auto sizes = sizes_of(kernel(
      {function("first", kCodeAt, 0x10), function("alias", kCodeAt, 0x10), function("longer", kCodeAt + 0x20, 0x20),
       function("shorter", kCodeAt + 0x20, 0x8), function("next", kCodeAt + 0x38, 0x10), untyped}));
  EXPECT_EQ(rows_of(sizes), (Texts{"untyped: 128+0 (1)", "longer: 32+0 (1)", "first: 16+0 (1)", "next: 8+0 (1)"}));
  EXPECT_EQ(sizes.unexplained.file, 0x140U - 184);
}

TEST(Sizes, PassesOverWhatHasNoBytes) {
  auto undefined = function("undefined", kCodeAt, 8);
  undefined.section = std::uint16_t{0};
  auto absolute = function("absolute", kCodeAt, 8);
  absolute.section = testing::kSectionAbsolute;
  auto section = function("section", kCodeAt, 8);
  section.info = symbol_info(kBindLocal, 3);  // STT_SECTION
  const auto sizes = sizes_of(kernel({undefined, absolute, section, function("empty", kCodeAt, 0),
                                      function("elsewhere", 0x123456, 8), function("behind", kDataAt + 0x100, 8)}));
  EXPECT_TRUE(sizes.rows.empty());
  EXPECT_EQ(sizes.unexplained, sizes.image);
}

TEST(Sizes, CutsWhatGoesBeyondTheImage) {
  EXPECT_EQ(rows_of(sizes_of(kernel({object("endless", kDataAt + 0x30, UINT64_MAX)}))), Texts{"endless: 16+192 (1)"});
  auto before = object("before", 1, UINT64_MAX / 2);
  before.section = std::uint16_t{1};
  const auto sizes = sizes_of(
      kernel({object("endless", kDataAt + 0x30, UINT64_MAX), before, function("huge", kCodeAt + 0x10, 1'000'000)}));
  EXPECT_EQ(rows_of(sizes), (Texts{"before: 320+192 (1)"}));
  EXPECT_EQ(sizes.unexplained, ByteCount{});
}

// The values of TLS symbols are relative to the template. The template's zeros take no memory of the loaded kernel.
TEST(Sizes, ThreadLocalSymbolsAreOfTheTemplate) {
  auto elf = kernel({});
  elf.tls = testing::Tls{.vaddr = kDataAt + 0x10, .filesz = 0x10, .memsz = 0x30};
  const auto thread_local_symbol = [](std::string name, std::uint64_t value, std::uint64_t size) {
    return SymbolDescription{.name = std::move(name),
                             .info = symbol_info(kBindLocal, kTypeTls),
                             .section = std::uint16_t{1},
                             .value = value,
                             .size = size};
  };
  elf.symbols = {thread_local_symbol("a", 0, 8), thread_local_symbol("b", 0xc, 8), thread_local_symbol("c", 0x18, 8)};
  EXPECT_EQ(rows_of(sizes_of(elf)), (Texts{"a: 8+0 (1)", "b: 4+0 (1)"}));
  elf.tls.reset();
  EXPECT_TRUE(sizes_of(elf).rows.empty());
}

TEST(Sizes, TakesTheDynamicSymbolsOfAStrippedFile) {
  auto elf = kernel({});
  elf.has_header_segment = true;
  elf.dynamic_symbols = {function("exported", kCodeAt, 0x10)};
  EXPECT_EQ(rows_of(sizes_of(elf)), Texts{"exported: 16+0 (1)"});
  elf.symbols = {function("own", kCodeAt, 0x20)};
  EXPECT_EQ(rows_of(sizes_of(elf)), Texts{"own: 32+0 (1)"});
}

TEST(Sizes, SaysWhatOfTheFileIsNotLoaded) {
  const auto elf = kernel({function("main", kCodeAt, 0x20)});
  const auto file = write(elf);
  const auto sizes = make_sizes("kernel", file, SizesBy::crate);
  EXPECT_EQ(sizes.file_size, file.size());
  EXPECT_EQ(sizes.not_loaded, file.size() - 0x140);
  std::uint64_t sum = 0;
  for (const auto& part : sizes.not_loaded_sections) sum += part.bytes.file;
  EXPECT_EQ(sum, sizes.not_loaded);
  const auto symbols = std::ranges::find(sizes.not_loaded_sections, ".symtab", &SizePart::name);
  ASSERT_NE(symbols, sizes.not_loaded_sections.end());
  EXPECT_EQ(symbols->bytes.file, 2 * elf::Symbol::kSize);
}

TEST(Sizes, WithoutSectionsNothingHasAName) {
  auto elf = kernel({});
  elf.has_section_headers = false;
  const auto sizes = sizes_of(elf);
  EXPECT_EQ(sizes.unexplained_sections, (Parts{{.name = "[no section]", .bytes = {.file = 0x140, .zero = 0xc0}}}));
}

TEST(Sizes, SegmentsThatOverlapAreCountedOnce) {
  auto elf = kernel({});
  elf.segments[0].vaddr = kDataAt - 0xf0;  // its last 16 bytes overlap the first of the data
  const auto sizes = sizes_of(elf, SizesBy::segment);
  EXPECT_EQ(sizes.image, (ByteCount{.file = 0x130, .zero = 0xc0}));
  EXPECT_EQ(rows_of(sizes), (Texts{"segment 0 r-x: 256+0 (0)", "segment 1 rw-: 48+192 (0)"}));
}

TEST(Sizes, MemoryUpToTheEndOfTheAddressesIsCounted) {
  auto elf = kernel({object("endless", kDataAt + 0x80, UINT64_MAX - 1)});
  elf.segments[1].memsz = UINT64_MAX;
  const auto sizes = sizes_of(elf);
  EXPECT_EQ(sizes.image.zero, UINT64_MAX - kDataAt - 0x40);
  EXPECT_EQ(sizes.rows[0].bytes.zero + sizes.unexplained.zero, sizes.image.zero);
}

TEST(Sizes, TakesAnyBytes) {
  const auto whole = write(testing::minimal_kernel(entry::Arch::x86_64, Endian::little, true));
  for (const auto by : {SizesBy::crate, SizesBy::function, SizesBy::file, SizesBy::segment}) {
    EXPECT_EQ(make_sizes("", {}, by).image, ByteCount{});
    for (std::size_t size = 0; size < whole.size(); size += 7) {
      const auto sizes = make_sizes("", std::span{whole}.first(size), by);
      EXPECT_LE(sizes.image.file, size);
    }
  }
}

auto sum_of(const Sizes& sizes) -> ByteCount {
  auto sum = sizes.unexplained;
  for (const auto& row : sizes.rows) {
    sum.file += row.bytes.file;
    sum.zero += row.bytes.zero;
  }
  return sum;
}

TEST(Sizes, EachByteOfEveryKernelIsCountedOnce) {
  for (const auto& named : testing::sample_kernels()) {
    for (const auto by : {SizesBy::crate, SizesBy::function, SizesBy::file, SizesBy::segment}) {
      const auto sizes = make_sizes(named.name, named.bytes, by);
      EXPECT_EQ(sum_of(sizes), sizes.image) << named.name;
      ByteCount sections;
      for (const auto& part : sizes.unexplained_sections) {
        sections.file += part.bytes.file;
        sections.zero += part.bytes.zero;
      }
      EXPECT_EQ(sections, sizes.unexplained) << named.name;
    }
  }
}

TEST(Sizes, RealImages) {
  bool has_any = false;
  for (const std::string_view name :
       {"x86_64-0.6.9-hello_world", "x86_64-0.6.9-rusty_demo", "x86_64-0.6.9-hello_c", "aarch64-0.11.0-hello_world"}) {
    const auto image = testing::read_image(name);
    if (!image) continue;
    has_any = true;
    for (const auto by : {SizesBy::crate, SizesBy::function, SizesBy::file, SizesBy::segment}) {
      const auto sizes = make_sizes(std::string{name}, *image, by);
      EXPECT_EQ(sum_of(sizes), sizes.image) << name;
      EXPECT_EQ(sizes.left_out, 0U) << name;
      EXPECT_LT(sizes.unexplained.file, sizes.image.file / 4) << name;
      EXPECT_GT(sizes.rows.size(), by == SizesBy::segment ? 1U : 10U) << name;
    }
    const auto crates = make_sizes(std::string{name}, *image, SizesBy::crate).rows;
    for (const std::string_view crate : {"hermit", "core", "alloc"}) {
      EXPECT_NE(std::ranges::find(crates, crate, &SizeRow::name), crates.end()) << name << ' ' << crate;
    }
  }
  if (!has_any) GTEST_SKIP() << "no image in " << testing::images_directory();
}

// Symbols of two bytes. The next symbol begins at the second byte.
auto many_symbols(std::size_t count, std::size_t name_size) -> std::vector<std::byte> {
  auto elf = kernel({});
  elf.segments[0].bytes.resize(count);
  elf.segments[1].vaddr = 0x10000000;
  elf.symbols.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    auto name = std::to_string(i);
    name.resize(std::max(name_size, name.size()), 'x');
    elf.symbols.push_back(function(std::move(name), kCodeAt + i, 2));
  }
  return write(elf);
}

TEST(SizesLimits, MemoryIsBoundedByTheFile) {
  for (const std::size_t name_size : {0U, 1000U}) {
    const auto file = many_symbols(8'000, name_size);
    for (const auto by : {SizesBy::crate, SizesBy::function, SizesBy::file, SizesBy::segment}) {
      const auto cost = testing::allocations_of([&] {
        const auto sizes = make_sizes("many", file, by);
        EXPECT_EQ(sum_of(sizes), sizes.image);
        EXPECT_EQ(sizes.left_out, 0U);
      });
      EXPECT_LE(cost.peak, 32 * file.size());
    }
  }
}

// The names of these symbols begin inside one long string, and would take 4 KiB each.
TEST(SizesLimits, WhatThereIsNoRoomForIsOfOthers) {
  constexpr std::size_t kCount = 50'000;
  auto file = many_symbols(kCount, 0);
  const auto elf = *entry::ElfFile::open(file);
  for (const auto section : elf.sections()) {
    if (section.type != elf::kSectionSymbolTable) continue;
    const auto strings = elf.sections()[section.link];
    for (std::size_t i = 1; i + 1 < strings.size; ++i) file[strings.offset + i] = std::byte{'x'};
  }
  const auto cost = testing::allocations_of([&] {
    const auto sizes = make_sizes("many", file, SizesBy::function);
    EXPECT_EQ(sum_of(sizes), sizes.image);
    EXPECT_GT(sizes.left_out, 0U);
    EXPECT_NE(std::ranges::find(sizes.rows, kOthers, &SizeRow::name), sizes.rows.end());
  });
  EXPECT_LE(cost.peak, 3 * 32 * file.size());
}

TEST(Sizes, KnowsItsNames) {
  for (const auto by : {SizesBy::crate, SizesBy::function, SizesBy::file, SizesBy::segment}) {
    EXPECT_EQ(parse_sizes_by(name(by)), by);
  }
  EXPECT_FALSE(parse_sizes_by("crates"));
  EXPECT_FALSE(parse_sizes_by(""));
}

}  // namespace
}  // namespace hermitage::inspect
