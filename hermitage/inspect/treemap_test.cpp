#include "hermitage/inspect/treemap.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "testing/xml_reader.hpp"

namespace hermitage::inspect {
namespace {

using testing::Element;

auto drawn(const Sizes& sizes) -> std::vector<Element> {
  const auto svg = collected(print_treemap, sizes);
  EXPECT_TRUE(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
  return testing::XmlReader{svg}.read();
}

auto texts_of(const std::vector<Element>& elements, std::string_view name) -> std::vector<std::string> {
  std::vector<std::string> texts;
  for (const auto& element : elements) {
    if (element.name == name) texts.push_back(element.text);
  }
  return texts;
}

using Texts = std::vector<std::string>;

TEST(Squarify, FillsTheWhole) {
  // The example of the paper.
  const std::vector<double> sizes{6, 6, 4, 3, 2, 2, 1};
  const auto rectangles = squarify(sizes, {0, 0, 6, 4});
  ASSERT_EQ(rectangles.size(), sizes.size());
  const std::vector<Rectangle> expected{
      {0, 0, 3, 2}, {0, 2, 3, 2}, {3, 0, 12.0 / 7, 7.0 / 3}, {3 + 12.0 / 7, 0, 9.0 / 7, 7.0 / 3}};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(rectangles[i].x, expected[i].x, 1e-9) << i;
    EXPECT_NEAR(rectangles[i].y, expected[i].y, 1e-9) << i;
    EXPECT_NEAR(rectangles[i].width, expected[i].width, 1e-9) << i;
    EXPECT_NEAR(rectangles[i].height, expected[i].height, 1e-9) << i;
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) EXPECT_NEAR(rectangles[i].area(), sizes[i], 1e-9);
}

TEST(Squarify, StaysWithinTheWholeForAnySizes) {
  EXPECT_TRUE(squarify({}, {0, 0, 10, 10}).empty());
  for (const auto& sizes : {std::vector<double>{1}, std::vector<double>{1e19, 1, 1, 1}, std::vector<double>(1000, 1),
                            std::vector<double>{1e19, 1e-9}}) {
    const Rectangle whole{5, 7, 300, 200};
    double area = 0;
    for (const auto& rectangle : squarify(sizes, whole)) {
      area += rectangle.area();
      EXPECT_GE(rectangle.x, whole.x - 1e-6);
      EXPECT_GE(rectangle.y, whole.y - 1e-6);
      EXPECT_LE(rectangle.x + rectangle.width, whole.x + whole.width + 1e-6);
      EXPECT_LE(rectangle.y + rectangle.height, whole.y + whole.height + 1e-6);
    }
    EXPECT_NEAR(area, whole.area(), 1e-3);
  }
  for (const auto& rectangle : squarify(std::vector<double>{2, 1}, {0, 0, 0, 0})) EXPECT_EQ(rectangle.area(), 0);
}

auto some_sizes() -> Sizes {
  return {.file = "dir/kernel<1>",
          .by = SizesBy::crate,
          .image = {.file = 1'000, .zero = 2'048},
          .rows = {{.name = "hermit",
                    .bytes = {.file = 600},
                    .parts = {{.name = "hermit::mm::init", .bytes = {.file = 400}},
                              {.name = "<hermit::T as core::U>::f", .bytes = {.file = 200}}}},
                   {.name = "zeros", .bytes = {.zero = 2'048}, .parts = {{.name = "z", .bytes = {.zero = 2'048}}}}},
          .unexplained = {.file = 400},
          .unexplained_sections = {{.name = ".rodata", .bytes = {.file = 400}}}};
}

TEST(Treemap, DrawsGroupsAndTheirParts) {
  const auto elements = drawn(some_sizes());
  EXPECT_EQ(texts_of(elements, "title"),
            (Texts{"Sizes of kernel<1>", "hermit: 600 bytes, 60.0 %", "hermit::mm::init: 400 bytes, 40.0 %",
                   "<hermit::T as core::U>::f: 200 bytes, 20.0 %", "[no symbol]: 400 bytes, 40.0 %",
                   ".rodata: 400 bytes, 40.0 %"}));
  EXPECT_EQ(texts_of(elements, "text"),
            (Texts{"kernel<1>", "by crate · 1000 bytes from the file · 2 KiB of zeros, not drawn", "hermit 600 bytes",
                   "mm::init", "400 bytes", "<hermit::T as core::U>::f", "200 bytes", "[no symbol] 400 bytes",
                   ".rodata", "400 bytes"}));
}

TEST(Treemap, AreasAreInProportion) {
  const auto number = [](const Element& element, const char* key) { return std::stod(element.attributes.at(key)); };
  const auto elements = drawn(some_sizes());
  std::vector<double> areas;
  for (const auto& element : elements) {
    if (element.name != "rect" || !element.attributes.at("class").starts_with("tile")) continue;
    areas.push_back(number(element, "width") * number(element, "height"));
    EXPECT_LE(number(element, "x") + number(element, "width"), 860);
    EXPECT_LE(number(element, "y") + number(element, "height"), 720);
  }
  ASSERT_EQ(areas.size(), 5U);
  EXPECT_NEAR(areas[0] / areas[3], 1.5, 0.01);
  EXPECT_NEAR(areas[1] / areas[2], 2, 0.02);
}

TEST(Treemap, HasColoursForDarkViewers) {
  const auto elements = drawn(some_sizes());
  const auto styles = texts_of(elements, "style");
  ASSERT_EQ(styles.size(), 1U);
  EXPECT_TRUE(styles[0].contains("@media (prefers-color-scheme: dark){"));
  for (const auto& element : elements) {
    EXPECT_FALSE(element.attributes.contains("fill")) << element.name;
    if (!element.attributes.contains("class")) continue;
    const auto& classes = element.attributes.at("class");
    const auto last = classes.substr(classes.rfind(' ') + 1);
    EXPECT_TRUE(styles[0].contains("." + last + "{")) << classes;
  }
}

TEST(Treemap, WhatIsSmallIsInOneRectangle) {
  Sizes sizes{.file = "kernel", .by = SizesBy::function, .image = {.file = 1'000'000}};
  sizes.rows.push_back({.name = "large", .bytes = {.file = 900'000}});
  for (std::size_t i = 0; i < 50'000; ++i) sizes.rows.push_back({.name = "small", .bytes = {.file = 1}});
  sizes.rows.push_back({.name = "none", .bytes = {.zero = 100}});
  sizes.unexplained.file = 50'000;
  const auto elements = drawn(sizes);
  EXPECT_EQ(texts_of(elements, "title"),
            (Texts{"Sizes of kernel", "large: 900,000 bytes, 90.0 %", "50,000 others: 50,000 bytes, 5.0 %",
                   "[no symbol]: 50,000 bytes, 5.0 %"}));
}

TEST(Treemap, LongNamesAreCut) {
  Sizes sizes{.file = std::string(1'000, 'k'), .image = {.file = 100}};
  sizes.rows.push_back({.name = std::string(10'000, 'n') + "\x1b", .bytes = {.file = 100}});
  const auto elements = drawn(sizes);
  EXPECT_EQ(texts_of(elements, "title"),
            (Texts{"Sizes of " + std::string(69, 'k') + "…", std::string(299, 'n') + "…: 100 bytes, 100.0 %"}));
  const auto texts = texts_of(elements, "text");
  EXPECT_EQ(texts[0], std::string(69, 'k') + "…");
  EXPECT_LT(texts[2].size(), 150U);
  EXPECT_TRUE(texts[2].ends_with("n…"));
}

TEST(Treemap, OfALongPathTheLastSegmentsAreShown) {
  Sizes sizes{.file = "kernel", .image = {.file = 100}};
  const auto segments = std::string(100, 'a') + "::" + std::string(100, 'b');
  sizes.rows.push_back({.name = segments + "::f::g", .bytes = {.file = 100}});
  EXPECT_EQ(texts_of(drawn(sizes), "text")[2], std::string(100, 'b') + "::f::g");
}

TEST(Treemap, SaysWhenThereIsNothingToDraw) {
  const auto elements = drawn(Sizes{.file = "kernel"});
  EXPECT_EQ(texts_of(elements, "text"), (Texts{"kernel", "nothing to load"}));
  EXPECT_EQ(texts_of(elements, "title"), Texts{"Sizes of kernel"});
  EXPECT_EQ(texts_of(elements, "desc"), Texts{"nothing to load"});
}

}  // namespace
}  // namespace hermitage::inspect
