// A drawing of sizes.
#pragma once

#include <span>
#include <vector>

#include "hermitage/inspect/sink.hpp"
#include "hermitage/inspect/sizes.hpp"

namespace hermitage::inspect {

struct Rectangle {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;

  [[nodiscard]] auto area() const -> double { return width * height; }
};

// Returns one rectangle for each size, with an area in proportion to it. The rectangles fill `whole`, and are nearly
// square, by the algorithm of Bruls, Huizing and van Wijk ("Squarified Treemaps", 2000). `sizes` must be in
// descending order and greater than 0.
[[nodiscard]] auto squarify(std::span<const double> sizes, const Rectangle& whole) -> std::vector<Rectangle>;

// Prints the bytes of the loaded kernel that come from the file, as an SVG document with a width of 860 pixels, in
// light or dark colours as the viewer prefers. The rectangle of a row contains those of its parts. One rectangle
// represents all items that are too small.
void print_treemap(const Sizes& sizes, const Sink& sink);

}  // namespace hermitage::inspect
