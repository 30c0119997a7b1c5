#include "hermitage/entry/elf_file.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/elf_writer.hpp"
#include "testing/kernels.hpp"

namespace hermitage::entry {
namespace {

using testing::Elf;
using testing::HashTables;
using testing::minimal_kernel;

// A kernel with a few dynamic symbols, and relocations that refer to them.
auto kernel_with_symbols(HashTables hash_tables, bool has_section_headers) -> Elf {
  auto kernel = minimal_kernel(Arch::x86_64, Endian::little, true);
  kernel.dynamic_symbols = {
      {.name = "absent", .info = testing::symbol_info(elf::kBindWeak, 0), .section = elf::kSectionUndefined},
      {.name = "here", .info = testing::symbol_info(testing::kBindGlobal, 2), .value = 0x1000, .size = 16}};
  kernel.hash_tables = hash_tables;
  kernel.has_section_headers = has_section_headers;
  return kernel;
}

auto open(const std::vector<std::byte>& bytes) -> ElfFile {
  const auto file = ElfFile::open(bytes);
  if (!file) throw std::runtime_error{std::string{file.error().name()}};
  return *file;
}

TEST(ElfFile, ReadsTheHeaderInBothByteOrders) {
  for (const auto& target : testing::kTargets) {
    auto kernel = minimal_kernel(target.arch, target.endian, false);
    const auto bytes = write(kernel);
    const auto file = open(bytes);
    EXPECT_EQ(file.endian(), target.endian);
    EXPECT_EQ(file.header().type, elf::kTypeExecutable);
    EXPECT_EQ(file.header().entry, kernel.entry_point);
    EXPECT_EQ(file.header().phentsize, elf::Segment::kSize);
    EXPECT_EQ(arch_of_machine(file.header().machine), target.arch);
  }
}

TEST(ElfFile, RefusesWhatIsNoElf64File) {
  auto bytes = write(minimal_kernel(Arch::x86_64, Endian::little, true));
  EXPECT_EQ(ElfFile::open({}).error().code, ProblemCode::not_elf);
  EXPECT_EQ(ElfFile::open(std::span{bytes}.first(3)).error().code, ProblemCode::not_elf);
  const auto truncated = ElfFile::open(std::span{bytes}.first(63)).error();
  EXPECT_EQ(truncated.code, ProblemCode::truncated_header);
  EXPECT_EQ(truncated.found, 63U);
  EXPECT_TRUE(ElfFile::open(std::span{bytes}.first(64)).has_value());

  bytes[elf::kIdentClass] = std::byte{1};
  EXPECT_EQ(ElfFile::open(bytes).error().code, ProblemCode::not_64_bit);
  bytes[elf::kIdentClass] = std::byte{elf::kClass64};
  bytes[elf::kIdentData] = std::byte{3};
  EXPECT_EQ(ElfFile::open(bytes).error().code, ProblemCode::unknown_byte_order);
}

TEST(ElfFile, CountsDynamicSymbolsByWhicheverTableThereIs) {
  for (const auto hash_tables : {HashTables::sysv, HashTables::gnu, HashTables::both, HashTables::none}) {
    for (const bool has_section_headers : {true, false}) {
      const auto bytes = write(kernel_with_symbols(hash_tables, has_section_headers));
      const auto symbols = open(bytes).dynamic_symbols();
      ASSERT_EQ(symbols.size(), 3U) << static_cast<int>(hash_tables) << has_section_headers;
      EXPECT_EQ(symbols.name(symbols.symbols()[0]), "");
      EXPECT_EQ(symbols.name(symbols.symbols()[1]), "absent");
      EXPECT_TRUE(symbols.symbols()[1].is_weak_undefined());
      EXPECT_EQ(symbols.name(symbols.symbols()[2]), "here");
      EXPECT_FALSE(symbols.symbols()[2].is_undefined());
      EXPECT_EQ(symbols.symbols()[2].value, 0x1000U);
    }
  }
}

// GNU ld writes a hash table without hashed symbols for a kernel that has only undefined ones. That table does not
// state the number of symbols.
TEST(ElfFile, CountsUndefinedSymbolsThatNoGnuHashTableHolds) {
  for (const bool has_section_headers : {true, false}) {
    auto kernel = kernel_with_symbols(HashTables::gnu, has_section_headers);
    kernel.dynamic_symbols.pop_back();
    const auto bytes = write(kernel);
    EXPECT_EQ(open(bytes).dynamic_symbols().size(), 2U) << has_section_headers;
  }
}

TEST(ElfFile, FallsBackToTheSectionWhereThereIsNoSymbolTag) {
  auto bytes = write(kernel_with_symbols(HashTables::both, true));
  // Replace DT_SYMTAB by an unknown tag.
  const auto value_at = testing::find_dynamic_value(bytes, elf::kTagSymbolTable);
  testing::patch<std::uint64_t>(bytes, value_at - 8, 0x6fff1234, Endian::little);
  const auto symbols = open(bytes).dynamic_symbols();
  ASSERT_EQ(symbols.size(), 3U);
  EXPECT_EQ(symbols.name(symbols.symbols()[2]), "here");
}

TEST(ElfFile, TranslatesAddressesThroughTheSegments) {
  const auto kernel = minimal_kernel(Arch::x86_64, Endian::little, true);
  const auto bytes = write(kernel);
  const auto file = open(bytes);
  const auto& code = kernel.segments[0];
  const auto size = code.bytes.size();

  const auto all = file.bytes_at(code.vaddr, size);
  ASSERT_TRUE(all);
  EXPECT_TRUE(std::ranges::equal(all->bytes(), code.bytes));
  EXPECT_FALSE(file.bytes_at(code.vaddr, size + 1)) << "ends behind the segment's part of the file";
  EXPECT_FALSE(file.bytes_at(code.vaddr + size, 1));
  EXPECT_FALSE(file.bytes_at(UINT64_MAX, 1));
  const auto last = file.bytes_from(code.vaddr + size - 1);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->size(), 1U);

  // Zeros after the bytes of the file are not in the file.
  const auto& data = kernel.segments[1];
  ASSERT_GT(data.memory_size(), data.bytes.size());
  EXPECT_FALSE(file.bytes_from(data.vaddr + data.bytes.size()));
}

TEST(ElfFile, GivesWhatThereIsOfATableThatIsCutOff) {
  const auto bytes = write(minimal_kernel(Arch::x86_64, Endian::little, true));
  const auto whole = open(bytes);
  ASSERT_GE(whole.segments().size(), 5U);
  const auto end_of_second = testing::offset_of(testing::SegmentField::type, 2);
  const std::vector<std::byte> head{bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(end_of_second + 1)};
  const auto file = open(head);
  EXPECT_EQ(file.segments().size(), 2U);
  EXPECT_TRUE(file.sections().empty());
  EXPECT_TRUE(file.dynamic().empty());
  EXPECT_TRUE(file.relocations().empty());
  EXPECT_TRUE(file.symbols().empty());
}

TEST(ElfFile, NamesSectionsAndSymbols) {
  const auto bytes = write(minimal_kernel(Arch::aarch64, Endian::big, true));
  const auto file = open(bytes);
  std::vector<std::string> names;
  for (const auto section : file.sections()) names.emplace_back(file.section_name(section));
  EXPECT_NE(std::ranges::find(names, ".dynsym"), names.end());
  EXPECT_NE(std::ranges::find(names, ".symtab"), names.end());

  const auto symbols = file.symbols();
  const auto is_at_entry = [&](const elf::Symbol& symbol) { return symbol.value == file.header().entry; };
  EXPECT_TRUE(std::ranges::any_of(symbols.symbols(), is_at_entry));
}

TEST(ElfFile, EndsTheDynamicSectionAtNull) {
  const auto bytes = write(minimal_kernel(Arch::x86_64, Endian::little, true));
  const auto file = open(bytes);
  const auto segment = file.find_segment(elf::kSegmentDynamic);
  ASSERT_TRUE(segment);
  EXPECT_LT(file.dynamic().size(), segment->filesz / elf::DynamicEntry::kSize);
  for (const auto entry : file.dynamic()) EXPECT_NE(entry.tag, elf::kTagNull);
}

TEST(Table, IsARandomAccessRange) {
  static_assert(std::random_access_iterator<Table<elf::Segment>::Iterator>);
  static_assert(std::ranges::random_access_range<Table<elf::Segment>>);
  static_assert(std::ranges::borrowed_range<Table<elf::Segment>> && std::ranges::borrowed_range<Notes>);
  const auto bytes = write(minimal_kernel(Arch::x86_64, Endian::little, true));
  const auto table = open(bytes).segments();
  auto it = table.begin() + 2;
  EXPECT_EQ((*it).vaddr, table[2].vaddr);
  EXPECT_EQ((*--it).vaddr, table[1].vaddr);
  EXPECT_EQ((*it++).vaddr, table[1].vaddr);
  EXPECT_EQ(it[1].vaddr, table[3].vaddr);
  EXPECT_EQ(table.end() - table.begin(), static_cast<std::ptrdiff_t>(table.size()));
  EXPECT_TRUE(table.begin() < it);
  EXPECT_EQ(table.first(2).size(), 2U);
  EXPECT_EQ(table.first(1000).size(), table.size());
}

TEST(SymbolTable, TextsEndAtTheirNulOrWithTheTable) {
  const std::string text{"\0one\0two", 8};
  const ByteView strings{std::as_bytes(std::span{text}), Endian::little};
  EXPECT_EQ(SymbolTable::string_at(strings, 0), "");
  EXPECT_EQ(SymbolTable::string_at(strings, 1), "one");
  EXPECT_EQ(SymbolTable::string_at(strings, 5), "two");
  EXPECT_EQ(SymbolTable::string_at(strings, 8), "");
  EXPECT_EQ(SymbolTable::string_at(strings, UINT64_MAX), "");
}

}  // namespace
}  // namespace hermitage::entry
