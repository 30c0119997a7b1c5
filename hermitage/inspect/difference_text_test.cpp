#include "hermitage/inspect/difference_text.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

namespace hermitage::inspect {
namespace {

auto some_difference() -> Difference {
  return {
      .before = "old",
      .after =
          "n\x1b"
          "ew",
      .file_size_before = 1'000,
      .file_size_after = 2'500,
      .image_before = {.file = 800, .zero = 100},
      .image_after = {.file = 700, .zero = 100},
      .facts = {{.name = "arch", .before = std::string{"x86_64"}, .after = {}},
                {.name = "mem_size", .before = std::uint64_t{1'000}, .after = std::uint64_t{2'000}},
                {.name = "entry_point", .before = std::uint64_t{16}, .after = {}},
                {.name = "loadable", .before = true, .after = false}},
      .segments = {{.name = "PT_LOAD r-x", .before = ByteCount{.file = 8}, .after = ByteCount{.file = 4, .zero = 1}}},
      .crates = {},
      .symbols = {{.name = "grew", .before = ByteCount{.file = 1'000}, .after = ByteCount{.file = 3'000}},
                  {.name = "came", .before = {}, .after = ByteCount{.zero = 10}},
                  {.name = "went", .before = ByteCount{.file = 9}, .after = {}}},
      .relocations = {{.name = "R_X86_64_RELATIVE", .before = 10, .after = 7}},
      .notes = {{.name = "HERMIT", .type = 1, .before = Descriptor{std::byte{4}}, .after = Descriptor{}},
                {.name = "GNU", .type = 2, .before = {}, .after = Descriptor(20, std::byte{0xab})}},
      .problems = {
          {.severity = entry::Severity::error, .code = "no_hermit_note", .message = "why", .before = 0, .after = 1}}};
}

TEST(DifferenceText, ListsWhatIsDifferent) {
  EXPECT_EQ(collected(print_difference, some_difference(), Display{}, Extent::brief), R"(old → n\x1bew
  File                      1,000 →          2,500  +1,500
  Image, in file              800 →            700  -100
  Image, zeros                100 →            100  0

Facts
  arch                     x86_64 → none
  mem_size                 1,000 → 2,000
  entry_point              0x10 → none
  loadable                 yes → no

Segments: 0 grew, 1 shrank, 0 came, 0 went
         in file          zeros         before          after
              -4             +1              8              5  PT_LOAD r-x

Crates: no difference

Symbols: 1 grew, 0 shrank, 1 came, 1 went
         in file          zeros         before          after
          +2,000              0          1,000          3,000  grew
               0            +10           none             10  came
              -9              0              9           none  went

Relocations
  R_X86_64_RELATIVE                  10 →            7  -3

Notes
  HERMIT      0x1  04 → empty
  GNU         0x2  none → abababababababababababababababab…

Problems
  error    0 → 1  no_hermit_note: why
)");
}

TEST(DifferenceText, ABriefListIsCut) {
  Difference difference;
  for (std::size_t i = 0; i < 30; ++i) {
    difference.symbols.push_back({.name = std::string(200, 'x'), .before = {}, .after = ByteCount{.file = 10}});
  }
  const auto brief = collected(print_difference, difference, Display{}, Extent::brief);
  EXPECT_TRUE(brief.contains("  … and 6 more: see --all\n")) << brief;
  EXPECT_TRUE(brief.contains("  " + std::string(89, 'x') + "…\n")) << brief;
  const auto full = collected(print_difference, difference, Display{}, Extent::full);
  EXPECT_FALSE(full.contains("more")) << full;
  EXPECT_TRUE(full.contains("  " + std::string(200, 'x') + "\n")) << full;
}

}  // namespace
}  // namespace hermitage::inspect
