// A drawing of a profile.
#pragma once

#include <span>

#include "hermitage/inspect/sink.hpp"
#include "hermitage/inspect/stacks.hpp"

namespace hermitage::inspect {

// Prints a flame graph (Gregg, 2011) as an SVG document with a width of 1200 pixels, in light or dark colours as the
// viewer prefers: a rectangle for each function and its callers, as wide as its share of the samples, above its caller.
// Names in brackets, which are not functions, have a colour of their own. A script in the document zooms to a rectangle
// that is clicked, and marks names that are searched. Rectangles narrower than 0.3 pixels are not drawn.
void print_flame_graph(std::span<const NamedStack> stacks, const ProfileTitle& title, const Sink& sink);

}  // namespace hermitage::inspect
