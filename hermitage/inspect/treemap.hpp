// Sizes as a picture.
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

// One rectangle for each size, in proportion to it, which together fill `whole`; each as near to a square as the
// algorithm of Bruls, Huizing and van Wijk ("Squarified Treemaps", 2000) has it. `sizes` are in descending order and
// greater than 0.
[[nodiscard]] auto squarify(std::span<const double> sizes, const Rectangle& whole) -> std::vector<Rectangle>;

// The bytes of the image that come from the file, as an SVG document of 860 pixels' width, in the colours that the
// viewer prefers (light or dark). Within the rectangle of a row are those of its parts; what is too small to be seen is
// in one rectangle.
void print_treemap(const Sizes& sizes, const Sink& sink);

}  // namespace hermitage::inspect
