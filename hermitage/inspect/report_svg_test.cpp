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

// The parts of the bar: rectangles of its height.
struct Part {
  double x, width;
  std::string style;
};
auto parts_of(const std::vector<Element>& elements) -> std::vector<Part> {
  std::vector<Part> parts;
  for (const auto& element : elements) {
    if (element.name != "rect" || element.attributes.at("height") != "56") continue;
    parts.push_back({number(element, "x"), number(element, "width"), element.attributes.at("class")});
  }
  return parts;
}

// Four pages at 0x10000: code in the first, then a gap, then data. Half of the data come from the file.
auto report_of_four_pages() -> Report {
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
                      .memsz = 0x2000}};
  return report;
}

TEST(ReportSvg, IsToScale) {
  auto report = report_of_four_pages();
  // The last byte of the image is a segment, too.
  report.segments.push_back(
      {.type = elf::kSegmentLoad, .flags = elf::kFlagRead, .vaddr = 0x13fff, .filesz = 0, .memsz = 1});
  const auto parts = parts_of(elements_of(collected(print_svg, report)));
  constexpr double kPage = (860.0 - 2 * 24) / 4;
  const Part kParts[] = {{24 + kPage, kPage, "gap"},
                         {24, kPage, "file"},
                         {24 + 2 * kPage, 2 * kPage, "zeros"},
                         {24 + 2 * kPage, kPage, "file"},
                         // A single byte is visible, and on the bar.
                         {24 + 4 * kPage - 1.5, 1.5, "zeros"}};
  ASSERT_EQ(parts.size(), std::size(kParts));
  for (std::size_t i = 0; i < parts.size(); ++i) {
    EXPECT_NEAR(parts[i].x, kParts[i].x, 0.01) << i;
    EXPECT_NEAR(parts[i].width, kParts[i].width, 0.01) << i;
    EXPECT_EQ(parts[i].style, kParts[i].style) << i;
  }
}

TEST(ReportSvg, ListsSegmentsAndGapsWithTheirEnds) {
  const auto text = texts_of(elements_of(collected(print_svg, report_of_four_pages())));
  EXPECT_TRUE(
      text.contains("address\nend\nflags\n"
                    "in memory\nzeros\ncontent\n"))
      << text;
  EXPECT_TRUE(
      text.contains("0x10000\n0x11000\nr-x\n4 KiB\n–\ncode (segment 0)\n"
                    "0x11000\n0x12000\n–\n4 KiB\n–\ngap, zero-filled\n"
                    "0x12000\n0x14000\nrw-\n8 KiB\n4 KiB\ndata (segment 1)\n"))
      << text;
  EXPECT_TRUE(text.contains("from the file\nzeros\ngap between segments\n")) << text;
}

TEST(ReportSvg, ThePartsOfTheBarHaveTooltips) {
  std::vector<std::string> titles;
  for (const auto& element : elements_of(collected(print_svg, report_of_four_pages()))) {
    if (element.name == "title") titles.push_back(element.text);
  }
  EXPECT_EQ(titles, (std::vector<std::string>{"Memory map of kernel", "gap, zero-filled: 0x11000 to 0x12000, 4 KiB",
                                              "code (segment 0): 0x10000 to 0x11000, 4 KiB",
                                              "data (segment 1): 0x12000 to 0x14000, 8 KiB, 4 KiB of zeros"}));
}

// The labels of the axis.
auto labels_of(std::uint64_t first, std::uint64_t size) -> std::vector<std::string> {
  Report report;
  report.first_vaddr = first;
  report.mem_size = size;
  report.entry_point = 0;
  std::vector<std::string> labels;
  for (const auto& element : elements_of(collected(print_svg, report))) {
    const bool is_label = element.name == "text" && element.attributes.contains("text-anchor");
    if (is_label && element.text.starts_with("0x")) labels.push_back(element.text);
  }
  return labels;
}

TEST(ReportSvg, TheAxisHasRoundAddresses) {
  using Labels = std::vector<std::string>;
  EXPECT_EQ(labels_of(0x100000, 0x8000), (Labels{"0x100000", "0x101000", "0x102000", "0x103000", "0x104000", "0x105000",
                                                 "0x106000", "0x107000", "0x108000"}));
  EXPECT_EQ(labels_of(0, 0x9c5f2), (Labels{"0x0", "0x20000", "0x40000", "0x60000", "0x80000"}));
  EXPECT_EQ(labels_of(0x1234567, 0x100), (Labels{"0x1234580", "0x12345c0", "0x1234600", "0x1234640"}));
  EXPECT_EQ(labels_of(0, 1), (Labels{"0x0", "0x1"}));
  EXPECT_EQ(labels_of(0, UINT64_MAX),
            (Labels{"0x0", "0x4000000000000000", "0x8000000000000000", "0xc000000000000000"}));
  EXPECT_EQ(labels_of(UINT64_MAX - 0xfff, 0xfff),
            (Labels{"0xfffffffffffff000", "0xfffffffffffff400", "0xfffffffffffff800", "0xfffffffffffffc00"}));
}

TEST(ReportSvg, PrefersTheColoursOfTheViewer) {
  EXPECT_TRUE(collected(print_svg, Report{}).contains("@media (prefers-color-scheme: dark){"));
}

TEST(ReportSvg, LongNamesAreCut) {
  const auto text = texts_of(elements_of(collected(print_svg, make_report(std::string(200, 'n'), {}))));
  EXPECT_EQ(text, std::string(69, 'n') + "…\nno Hermit kernel · nothing to load\n");
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
  const auto text = texts_of(elements);
  EXPECT_TRUE(text.contains("TLS template")) << text;
  EXPECT_TRUE(text.contains(" more: see hermitage inspect --segments\n")) << text;
}

}  // namespace
}  // namespace hermitage::inspect
