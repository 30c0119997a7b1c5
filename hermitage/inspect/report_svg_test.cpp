#include "hermitage/inspect/report_svg.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/inspect/quantities.hpp"
#include "testing/kernels.hpp"
#include "testing/xml_reader.hpp"

namespace hermitage::inspect {
namespace {

using entry::Arch;
using entry::Endian;
using testing::Element;
using testing::minimal_kernel;
namespace elf = entry::elf;

auto elements_of(const std::string& svg) -> std::vector<Element> {
  return testing::XmlReader{svg}.read();
}

auto drawn(const testing::Elf& kernel, std::string name = "kernel") -> std::vector<Element> {
  return elements_of(collected(print_svg, make_report(std::move(name), write(kernel))));
}

auto texts_of(const std::vector<Element>& elements) -> std::string {
  std::string text;
  for (const auto& element : elements) {
    if (element.name == "text") text += element.text + "\n";
  }
  return text;
}

auto number(const Element& element, const std::string& key) -> double {
  const auto& text = element.attributes.at(key);
  char* end = nullptr;
  const auto value = std::strtod(text.c_str(), &end);
  EXPECT_EQ(*end, '\0') << key << '=' << text;
  return value;
}

// Checks that all elements are inside the drawing.
void expect_on_sheet(const std::vector<Element>& elements, const std::string& what) {
  const auto width = number(elements.front(), "width");
  const auto height = number(elements.front(), "height");
  EXPECT_EQ(width, 860) << what;
  EXPECT_EQ(elements.front().attributes.at("viewBox"),
            "0 0 " + elements.front().attributes.at("width") + " " + elements.front().attributes.at("height"))
      << what;
  for (const auto& element : elements) {
    if (element.name != "rect" && element.name != "text") continue;
    const bool is_rect = element.name == "rect";
    const auto x = number(element, "x");
    const auto y = number(element, "y");
    EXPECT_TRUE(x >= 0 && x + (is_rect ? number(element, "width") : 0) <= width) << what << ' ' << x;
    EXPECT_TRUE(y >= 0 && y + (is_rect ? number(element, "height") : 0) <= height) << what << ' ' << y;
    if (is_rect) {
      EXPECT_GT(number(element, "width"), 0) << what;
    }
  }
}

TEST(ReportSvg, IsWellFormedAndOnTheSheetForEverySample) {
  for (const auto& sample : testing::sample_kernels()) {
    const auto svg = collected(print_svg, make_report(sample.name, sample.bytes));
    EXPECT_TRUE(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"")) << sample.name;
    EXPECT_TRUE(svg.ends_with("</svg>\n")) << sample.name;
    EXPECT_EQ(svg.find("nan"), std::string::npos) << sample.name;
    EXPECT_EQ(svg.find("inf"), std::string::npos) << sample.name;
    std::vector<Element> elements;
    ASSERT_NO_THROW(elements = elements_of(svg)) << sample.name;
    expect_on_sheet(elements, sample.name);
  }
}

TEST(ReportSvg, IsWellFormedForRandomKernels) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const auto& target = testing::kTargets[seed % std::size(testing::kTargets)];
    const auto elements = elements_of(
        collected(print_svg, make_report("random", testing::random_kernel(seed, target.arch, target.endian))));
    expect_on_sheet(elements, std::to_string(seed));
  }
}

TEST(ReportSvg, TellsWhatTheKernelIs) {
  const auto relocatable = texts_of(drawn(minimal_kernel(Arch::x86_64, Endian::little, true), "some/where/my kernel"));
  EXPECT_TRUE(relocatable.starts_with("my kernel\n")) << relocatable;
  EXPECT_TRUE(relocatable.contains("x86_64 · Hermit 0.11.0 · relocatable · 22 KiB in memory · 8 relocations\n"))
      << relocatable;
  EXPECT_TRUE(relocatable.contains("entry 0x2000\n")) << relocatable;
  EXPECT_TRUE(relocatable.contains("TLS template\n")) << relocatable;
  EXPECT_TRUE(relocatable.contains("code (segment 1)\n")) << relocatable;
  EXPECT_TRUE(relocatable.contains("data (segment 2)\n")) << relocatable;
  EXPECT_TRUE(relocatable.contains("constants (segment 0)\n")) << relocatable;

  auto kernel = minimal_kernel(Arch::aarch64, Endian::big, false);
  kernel.segments[0].flags |= elf::kFlagWrite;
  kernel.tls.reset();
  const auto fixed = texts_of(drawn(kernel));
  EXPECT_TRUE(fixed.contains("aarch64, big endian · Hermit 0.11.0 · fixed · 22 KiB in memory\n")) << fixed;
  EXPECT_TRUE(fixed.contains("writable code (segment 1)\n")) << fixed;
  EXPECT_FALSE(fixed.contains("TLS")) << fixed;
}

TEST(ReportSvg, SaysSoWhenThereIsNothingToDraw) {
  for (const std::string_view text : {"", "garbage", "\x1f\x8b\x08\x08"}) {
    const auto elements = elements_of(collected(print_svg, make_report("file", std::as_bytes(std::span{text}))));
    expect_on_sheet(elements, "nothing");
    EXPECT_EQ(texts_of(elements), "file\nno Hermit kernel · nothing to load\n");
  }
}

TEST(ReportSvg, AnyNameCanBeDrawn) {
  struct Case {
    std::string_view file, title;
  };
  constexpr Case kCases[] = {
      {"dir/kernel", "kernel"},
      {"<b>&\"'", "<b>&\"'"},
      {"]]><script>alert(1)<", "]]><script>alert(1)<"},
      {"a\nb\x1b[0m\x7f", R"(a\x0ab\x1b[0m\x7f)"},
      {"\xff\xc2\x9b", R"(\xff\xc2\x9b)"},
      {"漢字 🦀", "漢字 🦀"},
      {"dir/", ""},
      {"", ""},
      {"-", "-"},
  };
  for (const auto& [file, title] : kCases) {
    std::vector<Element> elements;
    ASSERT_NO_THROW(elements = elements_of(collected(print_svg, make_report(std::string{file}, {}))))
        << printable(file);
    const auto text = std::ranges::find(elements, "text", &Element::name);
    ASSERT_NE(text, elements.end());
    EXPECT_EQ(text->text, title);
  }
  // Characters that Unicode permits and XML does not.
  EXPECT_NO_THROW(elements_of(collected(print_svg, make_report("\xef\xbf\xbe", {}))));
  EXPECT_NO_THROW(elements_of(collected(print_svg, make_report("\xef\xbf\xbf", {}))));
}

// The rectangles of the bar: those of full height with a segment's colour.
struct Bar {
  double x, width;
  bool is_solid;
};
auto bars_of(const std::vector<Element>& elements) -> std::vector<Bar> {
  std::vector<Bar> bars;
  for (const auto& element : elements) {
    if (element.name != "rect" || element.attributes.at("height") != "56") continue;
    if (element.attributes.at("fill") == "#eef1f4") continue;  // the background
    bars.push_back({number(element, "x"), number(element, "width"), !element.attributes.contains("fill-opacity")});
  }
  return bars;
}

TEST(ReportSvg, IsToScale) {
  // Four pages: code in the first, then a gap, then data. Half of the data come from the file.
  Report report;
  report.file = "kernel";
  report.first_vaddr = 0x10000;
  report.mem_size = 0x4000;
  report.entry_point = 0x10000;
  report.segments = {{.type = elf::kSegmentLoad,
                      .flags = elf::kFlagRead | elf::kFlagExecute,
                      .vaddr = 0x10000,
                      .filesz = 0x1000,
                      .memsz = 0x1000},
                     {.type = elf::kSegmentLoad,
                      .flags = elf::kFlagRead | elf::kFlagWrite,
                      .vaddr = 0x12000,
                      .filesz = 0x1000,
                      .memsz = 0x2000},
                     {.type = elf::kSegmentLoad, .flags = elf::kFlagRead, .vaddr = 0x11000, .filesz = 0, .memsz = 1}};
  const auto bars = bars_of(elements_of(collected(print_svg, report)));
  constexpr double kPage = (860.0 - 2 * 24) / 4;
  ASSERT_EQ(bars.size(), 5U);
  EXPECT_NEAR(bars[0].x, 24, 0.01);
  EXPECT_NEAR(bars[0].width, kPage, 0.01);
  EXPECT_FALSE(bars[0].is_solid);
  EXPECT_NEAR(bars[1].width, kPage, 0.01);
  EXPECT_TRUE(bars[1].is_solid);
  EXPECT_NEAR(bars[2].x, 24 + 2 * kPage, 0.01);
  EXPECT_NEAR(bars[2].width, 2 * kPage, 0.01);
  EXPECT_NEAR(bars[3].x, 24 + 2 * kPage, 0.01);
  EXPECT_NEAR(bars[3].width, kPage, 0.01);
  // A single byte of zeros must be visible, with the colour of zeros.
  EXPECT_GE(bars[4].width, 1);
  EXPECT_LE(bars[4].width, 2);
  EXPECT_FALSE(bars[4].is_solid);
}

TEST(ReportSvg, TheAxisEndsWhereTheImageDoes) {
  Report report;
  report.file = "kernel";
  report.first_vaddr = 0x100000;
  report.mem_size = 0x8000;
  report.entry_point = 0;
  const auto text = texts_of(elements_of(collected(print_svg, report)));
  for (const auto* label : {"0x100000\n", "0x102000\n", "0x104000\n", "0x106000\n", "0x108000\n"}) {
    EXPECT_TRUE(text.contains(label)) << label;
  }
  EXPECT_FALSE(text.contains("entry"));
}

TEST(ReportSvg, TheLargestImageIsDrawn) {
  Report report;
  report.file = "kernel";
  report.first_vaddr = 0;
  report.mem_size = UINT64_MAX;
  report.entry_point = UINT64_MAX - 1;
  report.segments = {{.type = elf::kSegmentLoad, .flags = elf::kFlagRead, .filesz = 1, .memsz = 1},
                     {.type = elf::kSegmentLoad, .flags = elf::kFlagWrite, .vaddr = 1, .memsz = UINT64_MAX - 1},
                     {.type = elf::kSegmentLoad, .flags = elf::kFlagRead, .vaddr = UINT64_MAX - 1, .memsz = 1}};
  const auto elements = elements_of(collected(print_svg, report));
  expect_on_sheet(elements, "largest");
  EXPECT_TRUE(texts_of(elements).contains("16 EiB"));
}

TEST(ReportSvg, ManySegmentsDoNotMakeAnEndlessSheet) {
  auto kernel = minimal_kernel(Arch::x86_64, Endian::little, true);
  for (std::uint64_t i = 0; i < 1000; ++i) kernel.segments.push_back({.vaddr = 0x20000 + i, .memsz = 1});
  kernel.relocations.clear();
  // Make space for the program headers.
  for (auto& segment : kernel.segments) segment.vaddr += 0x100000;
  kernel.entry_point += 0x100000;
  kernel.tls->vaddr += 0x100000;
  const auto elements = drawn(kernel);
  expect_on_sheet(elements, "many");
  EXPECT_LT(number(elements.front(), "height"), 2000);
  EXPECT_TRUE(texts_of(elements).contains("TLS template"));
}

}  // namespace
}  // namespace hermitage::inspect
