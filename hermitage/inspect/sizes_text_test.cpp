#include "hermitage/inspect/sizes_text.hpp"

#include <cstddef>
#include <string>

#include <gtest/gtest.h>

namespace hermitage::inspect {
namespace {

auto some_sizes() -> Sizes {
  return {.file = "kernel",
          .by = SizesBy::crate,
          .file_size = 2'000,
          .image = {.file = 1'600, .zero = 20},
          .rows = {{.name = "hermit", .bytes = {.file = 1'200, .zero = 10}, .symbols = 3},
                   {.name = "\x1b[1m", .bytes = {.file = 100}, .symbols = 1}},
          .unexplained = {.file = 300, .zero = 10},
          .unexplained_sections = {{.name = ".rodata", .bytes = {.file = 290}},
                                   {.name = ".bss", .bytes = {.file = 10, .zero = 10}}},
          .not_loaded = 400,
          .not_loaded_sections = {{.name = ".symtab", .bytes = {.file = 400}}}};
}

TEST(SizesText, IsATable) {
  EXPECT_EQ(collected(print_sizes, some_sizes(), Display{}, Extent::brief), R"(
Sizes by crate: 1.6 KiB from the file, 20 bytes of zeros
         in file      %            zeros   symbols  crate
           1,200   75.0               10         3  hermit
             100    6.2                0         1  \x1b[1m
             300   18.8               10            [no symbol]
           1,600  100.0               20            in all

No symbol, by section
             290   18.1                0            .rodata
              10    0.6               10            .bss

Not loaded: 400 bytes of 2 KiB, by section
             400  .symtab
)");
}

TEST(SizesText, OfAFileWithoutAnImageThereIsNothing) {
  EXPECT_EQ(collected(print_sizes, Sizes{.file = "x", .by = SizesBy::segment}, Display{}, Extent::brief), R"(
Sizes by segment: 0 bytes from the file, 0 bytes of zeros
         in file      %            zeros   symbols  segment
               0                       0            in all
)");
}

TEST(SizesText, ABriefTableIsCut) {
  Sizes sizes{.image = {.file = 1'000}};
  for (std::size_t i = 0; i < 30; ++i) sizes.rows.push_back({.name = std::string(200, 'x'), .bytes = {.file = 10}});
  for (std::size_t i = 0; i < 10; ++i) {
    sizes.unexplained_sections.push_back({.name = ".s", .bytes = {.file = 1, .zero = 2}});
    sizes.not_loaded_sections.push_back({.name = ".s", .bytes = {.file = 3}});
  }
  sizes.not_loaded = 30;
  const auto brief = collected(print_sizes, sizes, Display{}, Extent::brief);
  EXPECT_TRUE(brief.contains("              60    6.0                0            … and 6 more: see --all\n")) << brief;
  EXPECT_TRUE(brief.contains("               2    0.2                4            … and 2 more: see --all\n")) << brief;
  EXPECT_TRUE(brief.contains("               6  … and 2 more: see --all\n")) << brief;
  EXPECT_TRUE(brief.contains("  " + std::string(99, 'x') + "…\n")) << brief;
  const auto full = collected(print_sizes, sizes, Display{}, Extent::full);
  EXPECT_FALSE(full.contains("more")) << full;
  EXPECT_TRUE(full.contains("  " + std::string(200, 'x') + "\n")) << full;
}

TEST(SizesText, SaysWhatIsLeftOut) {
  const auto text = collected(print_sizes, Sizes{.left_out = 1'234}, Display{}, Extent::brief);
  EXPECT_TRUE(text.ends_with(
      "\n1,234 names, symbols and pieces of line tables are left out: they would take too much memory\n"))
      << text;
}

}  // namespace
}  // namespace hermitage::inspect
