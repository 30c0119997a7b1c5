// A report as a picture.
#pragma once

#include "hermitage/inspect/report.hpp"
#include "hermitage/inspect/sink.hpp"

namespace hermitage::inspect {

// The memory map of the loaded kernel, to scale, as an SVG document of 860 pixels' width; when there is no image
// to draw, a picture that says so.
void print_svg(const Report& report, const Sink& sink);

}  // namespace hermitage::inspect
