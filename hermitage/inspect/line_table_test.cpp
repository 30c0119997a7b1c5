#include "hermitage/inspect/line_table.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/inspect/names.hpp"
#include "testing/line_tables.hpp"

namespace hermitage::inspect {
namespace {

using entry::ByteView;
using entry::Endian;
using testing::LineTable;
using testing::write_line_table;

auto read(std::span<const std::byte> bytes, Endian endian = Endian::little) -> LineTables {
  Budget budget{bytes.size()};
  return read_line_tables({.line = ByteView{bytes, endian}, .line_string = {}, .string = {}}, budget);
}

auto bytes_of(std::initializer_list<unsigned> values) -> std::vector<std::byte> {
  std::vector<std::byte> bytes;
  for (const auto value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

TEST(LineTable, SaysWhichFileCodeIsOf) {
  for (const auto endian : {Endian::little, Endian::big}) {
    for (std::uint16_t version = 2; version <= 4; ++version) {
      for (const bool is_64_bit : {false, true}) {
        const LineTable table{
            .version = version,
            .is_64_bit = is_64_bit,
            .directories = {"src", "/usr/include"},
            .files = {{"main.c", 0}, {"lib.c", 1}, {"a.h", 2}},
            .sequences = {{{0x1000, 1}, {0x1010, 2}, {0x1018, 2}, {0x1020, 3}, {0x1028}}, {{0x800, 1}, {0x900}}}};
        const auto tables = read(write_line_table(table, endian), endian);
        EXPECT_EQ(tables.files, (std::vector<std::string>{"main.c", "src/lib.c", "/usr/include/a.h"}));
        EXPECT_EQ(
            tables.ranges,
            (std::vector<LineRange>{{0x1000, 0x1010, 0}, {0x1010, 0x1020, 1}, {0x1020, 0x1028, 2}, {0x800, 0x900, 0}}));
      }
    }
  }
}

TEST(LineTable, CountsFilesFromZeroInDwarf5) {
  const LineTable table{.version = 5,
                        .directories = {"src"},
                        .files = {{"main.c", 0}, {"lib.c", 1}},
                        .sequences = {{{0x1000, 0}, {0x1010, 1}, {0x1020}}}};
  const auto tables = read(write_line_table(table));
  EXPECT_EQ(tables.files, (std::vector<std::string>{"main.c", "src/lib.c"}));
  EXPECT_EQ(tables.ranges, (std::vector<LineRange>{{0x1000, 0x1010, 0}, {0x1010, 0x1020, 1}}));
}

TEST(LineTable, NamesAFileOfSeveralTablesOnce) {
  auto bytes = write_line_table({.directories = {"/rustc/0123abcd/library/core/src"},
                                 .files = {{"ptr.rs", 1}},
                                 .sequences = {{{0x1000}, {0x1010}}}});
  const auto second = write_line_table(
      {.directories = {"library/core/src"}, .files = {{"ptr.rs", 1}}, .sequences = {{{0x2000}, {0x2010}}}});
  bytes.insert(bytes.end(), second.begin(), second.end());
  const auto tables = read(bytes);
  EXPECT_EQ(tables.files, std::vector<std::string>{"library/core/src/ptr.rs"});
  EXPECT_EQ(tables.ranges, (std::vector<LineRange>{{0x1000, 0x1010, 0}, {0x2000, 0x2010, 0}}));
}

TEST(LineTable, FindsTheLinesOfAddresses) {
  for (std::uint16_t version = 2; version <= 5; ++version) {
    const std::uint8_t first = version == 5 ? 0 : 1;
    const auto second = static_cast<std::uint8_t>(first + 1);
    const auto bytes =
        write_line_table({.version = version,
                          .files = {{"a.c"}, {"b.c"}},
                          .sequences = {{{0x1000, first, 7}, {0x1008, second, 99}, {0x1010, first, 3}, {0x1020}},
                                        {{0x800, first, 5}, {0x900}}}});
    Budget budget{bytes.size()};
    const std::vector<std::uint64_t> addresses{0x1008, 0x1007, 0x1020, 0x101f, 0x1007, 0x800, 0, UINT64_MAX};
    EXPECT_EQ(find_lines({.line = ByteView{bytes, Endian::little}, .line_string = {}, .string = {}}, addresses, budget),
              (std::vector<SourceLine>{{"b.c", 99}, {"a.c", 7}, {}, {"a.c", 3}, {"a.c", 7}, {"a.c", 5}, {}, {}}));
  }
}

// A special opcode advances the address and the line.
TEST(LineTable, CountsLinesInSpecialOpcodes) {
  auto bytes = write_line_table({.files = {{"a.c"}}, .sequences = {{{0x1000, 1, 10}, {0x1001}}}});
  // Before the last instruction, DW_LNE_end_sequence: an opcode of 14 * 2 + line 3 - 1, with a base of 13 and -5.
  bytes.insert(bytes.end() - 3 - 11, {std::byte{13 + 14 * 2 + 5 + 3}, std::byte{13 + 14 + 5 - 2}});
  testing::patch_line_table_size(bytes);
  Budget budget{bytes.size()};
  const std::vector<std::uint64_t> addresses{0x1000, 0x1001, 0x1002, 0x1003};
  const auto lines =
      find_lines({.line = ByteView{bytes, Endian::little}, .line_string = {}, .string = {}}, addresses, budget);
  EXPECT_EQ(lines[0].line, 10U);
  EXPECT_EQ(lines[1].line, 10U);
  EXPECT_EQ(lines[2].line, 13U);
}

TEST(LineTable, LeavesOutWhatTheLinkerHasDiscarded) {
  const auto tables =
      read(write_line_table({.files = {{"a.c"}}, .sequences = {{{0}, {0x10}}, {{0x1000}, {0x1010}}, {{0}, {0x4000}}}}));
  EXPECT_EQ(tables.ranges, (std::vector<LineRange>{{0x1000, 0x1010, 0}}));
}

// The other opcodes also advance the address.
TEST(LineTable, KnowsEveryOpcode) {
  auto bytes = write_line_table({.files = {{"a.c"}}, .sequences = {{{0x1000}, {0x1000}}}});
  bytes.resize(bytes.size() - 3);  // end_sequence
  const auto more = bytes_of({
      0x3b,                                                  // special: (0x3b - 13) / 14 = 3
      8,                                                     // const_add_pc: (255 - 13) / 14 = 17
      9,    0x00, 0x01,                                      // fixed_advance_pc: 0x100
      2,    0x80, 0x02,                                      // advance_pc: 0x100
      3,    5,    5,    7, 6, 7, 10, 11, 12, 1, 0, 2, 4, 9,  // line, column, flags, isa, a discriminator
      0,    1,    1,                                         // end_sequence
  });
  bytes.insert(bytes.end(), more.begin(), more.end());
  testing::patch_line_table_size(bytes);
  const auto tables = read(bytes);
  EXPECT_EQ(tables.ranges, (std::vector<LineRange>{{0x1000, 0x1000 + 3 + 17 + 0x100 + 0x100, 0}}));
}

TEST(LineTable, TakesNamesOfOtherSections) {
  // A header of DWARF 5 with names in DW_FORM_line_strp and DW_FORM_strp, and with forms to skip.
  const auto bytes = bytes_of({
      75, 0, 0,    0, 5,    0, 8,    0,                                    // unit_length, version, sizes
      46, 0, 0,    0, 1,    1, 1,    251, 14, 13,                          // header_length …
      0,  1, 1,    1, 1,    0, 0,    0,   1,  0,  0,  1,                   // standard_opcode_lengths
      1,  1, 0x1f, 2, 0,    0, 0,    0,   4,  0,  0,  0,                   // two directories
      3,  1, 0x0e, 2, 0x0f, 5, 0x1e, 1,   1,  0,  0,  0,  1,               // one file: name, directory …
      1,  2, 3,    4, 5,    6, 7,    8,   9,  10, 11, 12, 13, 14, 15, 16,  // … and its MD5
  });
  using namespace std::string_view_literals;
  auto whole = bytes;
  const auto program = bytes_of({0, 9, 2, 0, 0x10, 0, 0, 0, 0, 0, 0, 4, 0, 1, 2, 8, 0, 1, 1});
  whole.insert(whole.end(), program.begin(), program.end());
  // header_length counts from its own end to the program.
  whole[8] = static_cast<std::byte>(bytes.size() - 12);
  testing::patch_line_table_size(whole);
  Budget budget{whole.size()};
  const auto tables = read_line_tables(
      {.line = ByteView{whole, Endian::little}, .line_string = "top\0src\0"sv, .string = "\0lib.c\0"sv}, budget);
  EXPECT_EQ(tables.files, std::vector<std::string>{"src/lib.c"});
  EXPECT_EQ(tables.ranges, (std::vector<LineRange>{{0x1000, 0x1008, 0}}));
}

TEST(LineTable, GoesOnBehindATableThatItCannotRead) {
  auto bytes = write_line_table({.version = 6, .files = {{"a.c"}}, .sequences = {{{0x1000}, {0x1010}}}});
  const auto second = write_line_table({.files = {{"b.c"}}, .sequences = {{{0x2000}, {0x2010}}}});
  bytes.insert(bytes.end(), second.begin(), second.end());
  EXPECT_EQ(read(bytes).ranges, (std::vector<LineRange>{{0x2000, 0x2010, 0}}));
}

TEST(LineTable, ReadsWhatThereIsOfADamagedOne) {
  const auto whole = write_line_table(
      {.version = 5, .directories = {"d"}, .files = {{"a.c", 1}}, .sequences = {{{0x1000, 0}, {0x1010}}}});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_TRUE(read(std::span{whole}.first(size)).ranges.empty()) << size;
  }
  for (std::size_t at = 4; at < whole.size(); ++at) {
    for (const auto value : {0x00, 0x7f, 0x80, 0xff}) {
      auto damaged = whole;
      damaged[at] = static_cast<std::byte>(value);
      const auto tables = read(damaged);
      for (const auto& range : tables.ranges) EXPECT_LT(range.file, tables.files.size());
    }
  }
}

TEST(LineTable, AFileNumberWithoutAFileIsNobodys) {
  const auto tables = read(write_line_table({.files = {{"a.c"}}, .sequences = {{{0x1000, 9}, {0x1010, 1}, {0x1018}}}}));
  EXPECT_EQ(tables.ranges, (std::vector<LineRange>{{0x1010, 0x1018, 0}}));
}

// Entries without bytes: a header can state 2^63 of them.
TEST(LineTable, DoesNotCountEntriesWithoutBytes) {
  auto bytes = write_line_table({.version = 5, .files = {{"a.c"}}, .sequences = {{{0x1000, 0}, {0x1010}}}});
  constexpr std::size_t kFormatCount = 4 + 2 + 2 + 4 + 6 + 12;
  ASSERT_EQ(bytes[kFormatCount], std::byte{1});
  bytes[kFormatCount] = std::byte{0};
  for (std::size_t at = kFormatCount + 1; at < kFormatCount + 9; ++at) bytes[at] = std::byte{0xff};
  EXPECT_TRUE(read(bytes).ranges.empty());
}

TEST(LineTable, ShortensLongNames) {
  const auto tables =
      read(write_line_table({.files = {{std::string(1'000'000, 'a')}}, .sequences = {{{0x1000}, {0x1010}}}}));
  ASSERT_EQ(tables.files.size(), 1U);
  EXPECT_EQ(tables.files[0], shortened(std::string(1'000'000, 'a')));
}

// More ranges than 1 MiB can hold, with a budget of 1 MiB.
TEST(LineTable, TakesNoMoreThanItsBudget) {
  testing::LineSequence rows;
  for (std::uint64_t i = 0; i < 100'000; ++i) rows.push_back({0x1000 + i, static_cast<std::uint8_t>(1 + i % 2)});
  const auto bytes = write_line_table({.files = {{"a.c"}, {"b.c"}}, .sequences = {rows}});
  Budget budget{1};
  const auto tables =
      read_line_tables({.line = ByteView{bytes, Endian::little}, .line_string = {}, .string = {}}, budget);
  EXPECT_LE(tables.ranges.size() * sizeof(LineRange), std::size_t{1} << 20);
  EXPECT_GT(budget.left_out(), 0U);
  EXPECT_EQ(read(bytes).ranges.size(), 99'999U);
}

}  // namespace
}  // namespace hermitage::inspect
