// The drawn map of a report.
#pragma once

#include "hermitage/inspect/report.hpp"
#include "hermitage/inspect/sink.hpp"

namespace hermitage::inspect {

// Prints the memory map of the loaded kernel, to scale, as an SVG document with a width of 860 pixels, in light or dark
// colours as the viewer prefers. A table lists the segments and the gaps between them, at most 48 in total. If there is
// nothing to draw, prints a document with that message.
void print_svg(const Report& report, const Sink& sink);

}  // namespace hermitage::inspect
