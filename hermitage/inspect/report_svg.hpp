// A report as a picture.
#pragma once

#include <string>

#include "hermitage/inspect/report.hpp"

namespace hermitage::inspect {

// The memory map of the loaded kernel, to scale, as an SVG document of 860 pixels' width; when there is no image
// to draw, a picture that says so.
[[nodiscard]] auto to_svg(const Report& report) -> std::string;

}  // namespace hermitage::inspect
