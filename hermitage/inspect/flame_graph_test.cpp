#include "hermitage/inspect/flame_graph.hpp"

#include <string>

#include <gtest/gtest.h>

namespace hermitage::inspect {
namespace {

auto svg_of(const std::vector<NamedStack>& stacks, const std::string& name = "image") -> std::string {
  return collected([&](const Sink& sink) { print_flame_graph(stacks, {.name = name, .rate = 997}, sink); });
}

auto count_of(std::string_view text, std::string_view part) -> std::size_t {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(FlameGraph, HasARectangleForEachFunction) {
  const auto svg = svg_of({{.frames = {"main", "app::work"}, .samples = 3},
                           {.frames = {"main", "app::work", "[hypercall read]"}, .samples = 1},
                           {.frames = {"main"}, .samples = 4}});
  EXPECT_EQ(count_of(svg, "<g class=\"f "), 4U);
  EXPECT_NE(svg.find("<title>main: 8 samples, 100.0 %</title>"), std::string::npos);
  EXPECT_NE(svg.find("<title>app::work: 4 samples, 50.0 %</title>"), std::string::npos);
  EXPECT_NE(svg.find("<title>[hypercall read]: 1 samples, 12.5 %</title>"), std::string::npos);
  EXPECT_NE(svg.find("class=\"f idle\""), std::string::npos);
  EXPECT_NE(svg.find("8 samples at 997 Hz"), std::string::npos);
  EXPECT_NE(svg.find("addEventListener('click'"), std::string::npos);
}

TEST(FlameGraph, LeavesOutWhatIsTooNarrow) {
  const auto svg = svg_of({{.frames = {"rare"}, .samples = 1}, {.frames = {"often"}, .samples = 100'000}});
  EXPECT_EQ(svg.find("rare"), std::string::npos);
  EXPECT_NE(svg.find("often"), std::string::npos);
}

TEST(FlameGraph, EscapesNames) {
  const auto svg = svg_of({{.frames = {"</text><script>", "a\"b&\x1b[2J\xff"}, .samples = 1}}, "<image>");
  EXPECT_EQ(count_of(svg, "<script>"), 1U) << "its own";
  EXPECT_EQ(svg.find('\x1b'), std::string::npos);
  EXPECT_NE(svg.find("&lt;image&gt;"), std::string::npos);
  EXPECT_NE(svg.find("data-n=\"a&quot;b&amp;"), std::string::npos);
}

TEST(FlameGraph, OfNothingIsADrawing) {
  const auto svg = svg_of({});
  EXPECT_TRUE(svg.starts_with("<svg "));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  EXPECT_EQ(count_of(svg, "<g class=\"f "), 0U);
}

}  // namespace
}  // namespace hermitage::inspect
